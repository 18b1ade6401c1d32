//! Nouns to rows: every change of a decision in one synced transaction.
