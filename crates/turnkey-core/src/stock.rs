//! Licences and accounts that were made beforehand and wait to be handed out, one an instance.
//!
//! An item is *free*, then *taken* by one instance for ever: reserved for work that waits, or
//! delivered. Its secret part goes with the instance; what is left says that it was used.

use std::fmt;

use crate::access::Access;
use crate::id::{InstanceId, StockId};
use crate::time::{Now, UtcMillis};

/// Items that one job may add: a file of a megabyte or two, some tens of milliseconds of the
/// writer's time.
pub const STOCK_ADDED_AT_ONCE_MAX: usize = 5_000;

/// An item that a decision may hand out.
#[derive(Clone, PartialEq, Eq)]
pub struct StockItem {
    /// Its id.
    pub id: StockId,
    /// What the buyer gets.
    pub access: Access,
}

impl fmt::Debug for StockItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StockItem({}, redacted)", self.id)
    }
}

/// Items for the stock of one product; all of them, or none.
#[derive(Clone, Debug)]
pub struct StockAddition {
    /// For which product.
    pub product: String,
    /// The items, in the order in which they are to be handed out.
    pub items: Vec<NewStock>,
    /// What both clocks show.
    pub now: Now,
}

/// One item to be added.
#[derive(Clone, Debug)]
pub struct NewStock {
    /// Its id.
    pub id: StockId,
    /// Where it stood in what it was read from, so that a person finds it.
    pub line: u64,
    /// The only plan that it may be handed out for; absent: any.
    pub plan: Option<String>,
    /// What the buyer gets.
    pub access: Access,
}

/// What became of an addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StockAdded {
    /// How many items it had.
    pub added: usize,
    /// How many of them go to orders that waited, oldest first.
    pub reserved: usize,
}

/// One item as it may be listed: without its secret part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockRow {
    /// Its id.
    pub id: StockId,
    /// Of which product.
    pub product: String,
    /// The only plan that it may be handed out for; absent: any.
    pub plan: Option<String>,
    /// When it was added.
    pub added_at: UtcMillis,
    /// Who has it.
    pub instance: Option<InstanceId>,
    /// Whether its secret part is gone, because its instance is.
    pub is_erased: bool,
}

/// How much there is of one plan of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockLevel {
    /// Which product.
    pub product: String,
    /// Which plan; absent: items for any.
    pub plan: Option<String>,
    /// Items that can still be handed out.
    pub free: u64,
    /// Items that an instance has or had.
    pub taken: u64,
}
