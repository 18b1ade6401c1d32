-- What a person looks for among a million rows that went well: those that did not. None of these
-- states is one that a create begins with or ends in, so no create writes to these indexes.

CREATE INDEX orders_apart ON orders (id)
    WHERE state IN ('awaiting_payment', 'failed', 'cancelled');
CREATE INDEX instances_apart ON instances (id)
    WHERE state IN ('suspended', 'failed', 'releasing');
CREATE INDEX operations_dead ON operations (id) WHERE state = 'dead';
