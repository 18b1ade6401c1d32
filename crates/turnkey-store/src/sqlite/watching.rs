//! Rows ↔ events and alarms. Listings are stored by name here: an event outlives its listing.

use rusqlite::{Row, params};
use turnkey_core::ports::{AlarmTurn, AlarmTurned};
use turnkey_core::{
    About, Alarm, AlarmKind, Event, EventFilter, EventId, EventKind, InstanceId, Now, OperationId,
    OrderId, UtcMillis,
};

use super::failure::Failure;
use super::rows::{Rows, at_most, named, now};
use super::sql;

/// Events that one job forgets: a few pages, so that nobody's create waits behind it.
const PRUNED_AT_ONCE: usize = 256;

impl Rows {
    pub(super) fn event_insert(&self, event: &Event) -> Result<(), Failure> {
        let about = &event.about;
        let bound = params![
            event.id.as_str(),
            event.at.wall.0,
            event.at.business.0,
            event.kind.name(),
            about.listing,
            about.instance.as_ref().map(InstanceId::as_str),
            about.order.as_ref().map(OrderId::as_str),
            about.operation.as_ref().map(OperationId::as_str),
            event.by,
            event.message,
        ];
        self.run(sql::EVENT_INSERT, bound)?;
        Ok(())
    }

    pub(super) fn event_list(
        &self,
        filter: &EventFilter,
        before: Option<&EventId>,
        limit: usize,
    ) -> Result<Vec<Event>, Failure> {
        /// Greater than any id: ids are ASCII.
        const BEHIND_ALL: &str = "\u{10ffff}";
        let bound = params![
            before.map_or(BEHIND_ALL, EventId::as_str),
            filter.kind.map(EventKind::name),
            filter.listing,
            filter.instance.as_ref().map(InstanceId::as_str),
            filter.order.as_ref().map(OrderId::as_str),
            filter.operation.as_ref().map(OperationId::as_str),
            at_most(limit),
        ];
        self.all(sql::EVENT_LIST, bound, event)
    }

    pub(super) fn event_prune(&self, older_than: UtcMillis, most: usize) -> Result<usize, Failure> {
        let id = |row: &Row<'_>| Ok(row.get::<_, String>(0)?);
        let floor = EventId::floor(older_than).as_str().to_owned();
        let newest_beyond = self.first(sql::EVENT_NEWEST_BEYOND, [at_most(most)], id)?;
        let mut forgotten = self.run(
            sql::EVENTS_FORGET_BEFORE,
            params![floor, at_most(PRUNED_AT_ONCE)],
        )?;
        if let Some(newest_beyond) = newest_beyond {
            let left = at_most(PRUNED_AT_ONCE.saturating_sub(forgotten));
            forgotten += self.run(sql::EVENTS_FORGET_UP_TO, params![newest_beyond, left])?;
        }
        Ok(forgotten)
    }

    pub(super) fn alarm_list(&self, limit: usize) -> Result<Vec<Alarm>, Failure> {
        self.all(sql::ALARM_LIST, [at_most(limit)], alarm)
    }

    pub(super) fn alarm_is_any(&self, kind: AlarmKind) -> Result<bool, Failure> {
        let any = self.first(sql::ALARM_IS_ANY, [kind.name()], |_| Ok(()))?;
        Ok(any.is_some())
    }

    pub(super) fn alarm_turn(&self, turn: &AlarmTurn) -> Result<AlarmTurned, Failure> {
        let mut turned = AlarmTurned::default();
        for alarm in &turn.raise {
            if self.alarm_raise(alarm)? {
                turned.raised.push(alarm.clone());
            }
        }
        for (kind, subject) in &turn.clear {
            turned
                .cleared
                .extend(self.alarm_clear(*kind, subject, turn.now)?);
        }
        Ok(turned)
    }

    /// Whether it was not raised before.
    pub(super) fn alarm_raise(&self, alarm: &Alarm) -> Result<bool, Failure> {
        let about = &alarm.about;
        let bound = params![
            alarm.kind.name(),
            alarm.subject,
            about.listing,
            about.instance.as_ref().map(InstanceId::as_str),
            about.order.as_ref().map(OrderId::as_str),
            about.operation.as_ref().map(OperationId::as_str),
            alarm.since.wall.0,
            alarm.since.business.0,
            alarm.message,
        ];
        let is_new = self.run(sql::ALARM_INSERT, bound)? == 1;
        if is_new {
            self.event_insert(&Event::raised(alarm))?;
        }
        Ok(is_new)
    }

    /// The alarm, if it was raised.
    pub(super) fn alarm_clear(
        &self,
        kind: AlarmKind,
        subject: &str,
        at: Now,
    ) -> Result<Option<Alarm>, Failure> {
        let key = params![kind.name(), subject];
        let cleared = self.first(sql::ALARM_BY_KEY, key, alarm)?;
        if let Some(alarm) = &cleared {
            self.one_row(sql::ALARM_DELETE, key, subject)?;
            self.event_insert(&Event::cleared(alarm, at))?;
        }
        Ok(cleared)
    }
}

fn event(row: &Row<'_>) -> Result<Event, Failure> {
    Ok(Event {
        id: EventId::new(row.get::<_, String>(0)?),
        at: now(row, 1)?,
        kind: named(row, 3, "event kind", &EventKind::ALL, EventKind::name)?,
        about: about(row, 4)?,
        by: row.get(8)?,
        message: row.get(9)?,
    })
}

fn alarm(row: &Row<'_>) -> Result<Alarm, Failure> {
    Ok(Alarm {
        kind: named(row, 0, "alarm kind", &AlarmKind::ALL, AlarmKind::name)?,
        subject: row.get(1)?,
        about: about(row, 2)?,
        since: now(row, 6)?,
        message: row.get(8)?,
    })
}

/// Listing in `column`, instance, order and operation in the next three.
fn about(row: &Row<'_>, column: usize) -> Result<About, Failure> {
    let text = |column| row.get::<_, Option<String>>(column);
    Ok(About {
        listing: text(column)?,
        instance: text(column + 1)?.map(InstanceId::new),
        order: text(column + 2)?.map(OrderId::new),
        operation: text(column + 3)?.map(OperationId::new),
    })
}
