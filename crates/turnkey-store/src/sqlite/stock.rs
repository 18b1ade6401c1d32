//! Rows ↔ stock. The secret part of an item is sealed, and read only where it is handed out.

use std::collections::HashSet;

use rusqlite::{Row, params};
use turnkey_core::{
    Fault, InstanceId, NewStock, OperationId, StockAdded, StockAddition, StockId, StockItem,
    StockLevel, StockRow, UtcMillis,
};

use super::failure::Failure;
use super::rows::{Column, Rows, at_most};
use super::sql;
use crate::stored::{access_bytes, access_from};

const ITEM: Column = ("stock", "item");

/// How the plan is stored of an item that may be handed out for any.
const ANY_PLAN: &str = "";

/// Lines that a refusal names; a person looks at those first.
const LINES_NAMED_MAX: usize = 10;

/// Work that waits for stock.
struct Waiting {
    operation: OperationId,
    instance: InstanceId,
    plan: String,
}

impl Rows {
    /// What is reserved for `instance`, or else the next free item for `plan`: of that plan first,
    /// then of those for any.
    pub(super) fn stock_for(
        &self,
        product: &str,
        plan: &str,
        instance: Option<&InstanceId>,
    ) -> Result<Option<StockItem>, Failure> {
        if let Some(instance) = instance {
            let reserved = self.first(sql::STOCK_OF_INSTANCE, [instance.as_str()], |row| {
                self.stock_item(row)
            })?;
            if let Some(reserved) = reserved {
                return Ok(reserved);
            }
        }
        for plan in [plan, ANY_PLAN] {
            let free = self.first(sql::STOCK_FREE, [product, plan], |row| self.stock_item(row))?;
            if let Some(free) = free {
                return Ok(free);
            }
        }
        Ok(None)
    }

    /// An item; none where its secret part is gone.
    fn stock_item(&self, row: &Row<'_>) -> Result<Option<StockItem>, Failure> {
        let id: String = row.get(0)?;
        let Some(item) = self.opened(ITEM, &id, row.get(1)?)? else {
            return Ok(None);
        };
        Ok(Some(StockItem {
            access: access_from(&item)?,
            id: StockId::new(id),
        }))
    }

    pub(super) fn stock_take(&self, id: &StockId, instance: &InstanceId) -> Result<(), Failure> {
        let bound = params![id.as_str(), instance.as_str()];
        self.one_row(sql::STOCK_TAKE, bound, id.as_str())
    }

    pub(super) fn stock_erase(&self, instance: &InstanceId) -> Result<(), Failure> {
        self.run(sql::STOCK_ERASE, [instance.as_str()])?;
        Ok(())
    }

    pub(super) fn stock_free(&self, instance: &InstanceId) -> Result<(), Failure> {
        self.run(sql::STOCK_SET_FREE, [instance.as_str()])?;
        Ok(())
    }

    pub(super) fn stock_add(&self, addition: &StockAddition) -> Result<StockAdded, Failure> {
        let mut twice = Vec::new();
        for new in &addition.items {
            if !self.stock_insert(addition, new)? {
                twice.push(new.line);
            }
        }
        if !twice.is_empty() {
            return Err(there_already(&addition.product, &twice).into());
        }
        Ok(StockAdded {
            added: addition.items.len(),
            reserved: self.stock_reserve(addition)?,
        })
    }

    /// Whether the item is new.
    fn stock_insert(&self, addition: &StockAddition, new: &NewStock) -> Result<bool, Failure> {
        let id = new.id.as_str();
        let access = access_bytes(&new.access)?;
        let bound = params![
            id,
            addition.product,
            new.plan.as_deref().unwrap_or(ANY_PLAN),
            self.sealed(ITEM, id, Some(&access))?,
            self.sealer.fingerprint(&access),
            addition.now.wall.0,
        ];
        Ok(self.run(sql::STOCK_INSERT, bound)? == 1)
    }

    /// Hands what is free to those who wait for it, oldest first, and makes their work due. How
    /// many it was.
    fn stock_reserve(&self, addition: &StockAddition) -> Result<usize, Failure> {
        let bound = params![i64::MIN, addition.product];
        let mut waiting = self.all(sql::STOCK_WAITING, bound, |row| {
            Ok(Waiting {
                operation: OperationId::new(row.get::<_, String>(0)?),
                instance: InstanceId::new(row.get::<_, String>(1)?),
                plan: row.get(2)?,
            })
        })?;
        // Ids are ordered by time: whoever ordered first is served first.
        waiting.sort_by(|a, b| a.operation.cmp(&b.operation));
        let (mut sold_out, mut reserved) = (HashSet::new(), 0);
        for one in &waiting {
            if sold_out.contains(one.plan.as_str()) {
                continue;
            }
            match self.stock_for(&addition.product, &one.plan, Some(&one.instance))? {
                Some(item) => {
                    self.stock_take(&item.id, &one.instance)?;
                    let due = params![one.operation.as_str(), addition.now.wall.0];
                    self.run(sql::OPERATION_HASTEN, due)?;
                    reserved += 1;
                }
                None => {
                    sold_out.insert(one.plan.as_str());
                }
            }
        }
        Ok(reserved)
    }

    pub(super) fn stock_list(
        &self,
        product: Option<&str>,
        before: Option<&StockId>,
        limit: usize,
    ) -> Result<Vec<StockRow>, Failure> {
        /// Greater than any id: ids are ASCII.
        const BEHIND_ALL: &str = "\u{10ffff}";
        let before = before.map_or(BEHIND_ALL, StockId::as_str);
        self.all(
            sql::STOCK_LIST,
            params![before, product, at_most(limit)],
            |row| {
                Ok(StockRow {
                    id: StockId::new(row.get::<_, String>(0)?),
                    product: row.get(1)?,
                    plan: plan(row.get(2)?),
                    added_at: UtcMillis(row.get(3)?),
                    instance: row.get::<_, Option<String>>(4)?.map(InstanceId::new),
                    is_erased: row.get(5)?,
                })
            },
        )
    }

    pub(super) fn stock_levels(&self) -> Result<Vec<StockLevel>, Failure> {
        self.all(sql::STOCK_LEVELS, [], |row| {
            let (all, taken): (u64, u64) = (row.get(2)?, row.get(3)?);
            Ok(StockLevel {
                product: row.get(0)?,
                plan: plan(row.get(1)?),
                free: all.saturating_sub(taken),
                taken,
            })
        })
    }
}

fn plan(stored: String) -> Option<String> {
    (stored != ANY_PLAN).then_some(stored)
}

fn there_already(product: &str, lines: &[u64]) -> Fault {
    let named: Vec<String> = lines
        .iter()
        .take(LINES_NAMED_MAX)
        .map(u64::to_string)
        .collect();
    let more = match lines.len() {
        more if more > LINES_NAMED_MAX => format!(" and {} more", more - LINES_NAMED_MAX),
        _ => String::new(),
    };
    let message = format!(
        "nothing was added: the stock of product {product:?} had line {}{more} already, or the \
         file has it twice",
        named.join(", ")
    );
    Fault::conflict("stock_duplicate", message)
}
