//! Nouns and rules: what a listing, a call, an order, an instance, a term and an operation are,
//! and the pure decisions about them.
//!
//! Its place on the line: receive → read → **decide** → commit → drive → write.
//!
//! It is *not* where anything happens. Nothing here awaits, reads a clock, makes an id or touches
//! the outside; time and ids are arguments. Its types have no wire format: dialects spell them for
//! marketplaces, the store spells them for disks.

pub mod access;
pub mod account;
pub mod alarm;
pub mod call;
pub mod decide;
pub mod event;
pub mod fault;
pub mod find;
pub mod history;
pub mod id;
pub mod instance;
pub mod key;
pub mod limits;
pub mod link;
pub mod listing;
pub mod money;
pub mod operation;
pub mod order;
pub mod ports;
pub mod purchase;
pub mod stock;
pub mod storefront;
pub mod term;
pub mod time;

pub use access::{Access, Login};
pub use account::{Account, AccountStep, AccountTurn, Accounts, MadeAccount};
pub use alarm::{Alarm, AlarmKind};
pub use call::{
    Call, ChangePlan, Create, Digest, Intent, OrderKey, OrderRef, Purchase, Renew, Subject,
};
pub use event::{About, Event, EventFilter, EventKind};
pub use fault::{Fault, FaultKind};
pub use history::{HistoryRow, Step};
pub use id::{EventId, InstanceId, OperationId, OrderId, PurchaseId, StockId};
pub use instance::{Instance, InstanceState, Reason, Reasons};
pub use key::Key;
pub use link::{Link, LinkHash, LinkPart, LinkToken, LinkTokens, Linked, NewLink};
pub use listing::{Listing, Offer, Offers, OwnTerms, Plan, Product, Slow};
pub use money::{Money, Price};
pub use operation::{Operation, OperationKind, OperationState};
pub use order::{Order, OrderKind, OrderState};
pub use stock::{NewStock, StockAdded, StockAddition, StockItem, StockLevel, StockRow};
pub use storefront::{
    Bill, Caller, Look, Payment, Stage, Standing, Storefront, Subscription, View,
};
pub use term::{Ends, Period, Term, Unit};
pub use time::{Now, UtcMillis};
