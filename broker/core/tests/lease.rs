//! The lease table against a naive one, with a clock that the test moves.

use std::collections::{BTreeMap, BTreeSet};

use postroad_core::{Freed, LeaseTable, RangeSet};
use proptest::collection::vec;
use proptest::prelude::*;

/// Generations that were never given are tried too.
const FORGED: u32 = 4_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    Publish(u64),
    /// Leases up to `most` messages, as a dispatcher does.
    Deliver {
        holder: u64,
        most: usize,
        lasting: u64,
    },
    Acknowledge {
        which: usize,
    },
    Extend {
        which: usize,
        lasting: u64,
    },
    Nack {
        which: usize,
    },
    /// Lets time pass and ends the leases that ran out.
    Pass(u64),
    Skip(u64),
    Trim(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..1000_usize;
    prop_oneof![
        3 => (1..6_u64).prop_map(Step::Publish),
        5 => (0..4_u64, 1..5_usize, 1..20_u64)
            .prop_map(|(holder, most, lasting)| Step::Deliver { holder, most, lasting }),
        5 => which.clone().prop_map(|which| Step::Acknowledge { which }),
        2 => (which.clone(), 0..20_u64).prop_map(|(which, lasting)| Step::Extend { which, lasting }),
        2 => which.prop_map(|which| Step::Nack { which }),
        3 => (1..15_u64).prop_map(Step::Pass),
        1 => (0..60_u64).prop_map(Step::Skip),
        1 => (0..60_u64).prop_map(Step::Trim),
    ]
}

/// Plain maps, looked through from one end to the other.
#[derive(Default)]
struct Model {
    end: u64,
    now: u64,
    done: BTreeSet<u64>,
    /// Holder, size, deadline, generation.
    leased: BTreeMap<u64, (u64, u32, u64, u32)>,
    attempts: BTreeMap<u64, u32>,
    /// Every delivery that was made: offset and generation.
    deliveries: Vec<(u64, u32)>,
}

impl Model {
    /// Lower first, what was delivered before first of all.
    fn next(&self) -> Option<u64> {
        let open = |offset: &u64| !self.done.contains(offset) && !self.leased.contains_key(offset);
        let again = self.attempts.keys().copied().find(open);
        again.or_else(|| {
            (0..self.end)
                .filter(|offset| !self.attempts.contains_key(offset))
                .find(open)
        })
    }

    fn delivery(&self, which: usize) -> (u64, u32) {
        match self.deliveries.is_empty() {
            true => (0, FORGED),
            false => {
                let (offset, generation) = self.deliveries[which % self.deliveries.len()];
                // Now and then a generation that was never given.
                (
                    offset,
                    if which.is_multiple_of(7) {
                        FORGED
                    } else {
                        generation
                    },
                )
            }
        }
    }

    fn is_current(&self, offset: u64, generation: u32) -> bool {
        self.leased
            .get(&offset)
            .is_some_and(|lease| lease.3 == generation)
    }

    fn finish(&mut self, offset: u64) -> Option<Freed> {
        self.done.insert(offset);
        self.attempts.remove(&offset);
        self.leased
            .remove(&offset)
            .map(|(holder, size, ..)| Freed { holder, size })
    }
}

fn run(table: &mut LeaseTable, model: &mut Model, step: Step) -> Result<(), TestCaseError> {
    match step {
        Step::Publish(count) => model.end += count,
        Step::Deliver {
            holder,
            most,
            lasting,
        } => {
            for _ in 0..most {
                deliver(table, model, holder, model.now + lasting)?;
            }
        }
        Step::Acknowledge { which } => {
            let (offset, generation) = model.delivery(which);
            let expected = (
                !model.done.contains(&offset),
                model.is_current(offset, generation),
            );
            let freed = model.finish(offset);
            let acknowledged = table.acknowledge(offset, generation);
            prop_assert_eq!((acknowledged.is_new, acknowledged.is_current), expected);
            prop_assert_eq!(acknowledged.freed, freed);
        }
        Step::Extend { which, lasting } => {
            let (offset, generation) = model.delivery(which);
            let current = model.is_current(offset, generation);
            prop_assert_eq!(table.extend(offset, generation, model.now + lasting), current);
            if current {
                model.leased.get_mut(&offset).unwrap().2 = model.now + lasting;
            }
        }
        Step::Nack { which } => {
            let (offset, generation) = model.delivery(which);
            let current = model.is_current(offset, generation);
            let freed = current.then(|| model.leased.remove(&offset).unwrap());
            let freed = freed.map(|(holder, size, ..)| Freed { holder, size });
            prop_assert_eq!(table.nack(offset, generation), freed);
        }
        Step::Pass(time) => pass(table, model, time)?,
        Step::Skip(offset) => {
            let freed: Vec<_> = model.finish(offset).into_iter().collect();
            prop_assert_eq!(table.skip(offset), freed);
        }
        Step::Trim(floor) => {
            let freed: Vec<_> = (0..floor).filter_map(|offset| model.finish(offset)).collect();
            prop_assert_eq!(table.trim(floor), freed);
        }
    }
    Ok(())
}

fn deliver(
    table: &mut LeaseTable,
    model: &mut Model,
    holder: u64,
    deadline: u64,
) -> Result<(), TestCaseError> {
    let next = table.peek(model.end);
    prop_assert_eq!(next, model.next());
    let Some(offset) = next else { return Ok(()) };
    let size = (offset % 5) as u32;
    let lease = table.lease(offset, holder, size, deadline).unwrap();
    prop_assert_eq!(
        table.lease(offset, holder + 1, size, deadline),
        None,
        "two holders at once"
    );
    prop_assert!(
        !model
            .deliveries
            .iter()
            .any(|(_, generation)| *generation == lease.generation)
    );
    let attempts = model.attempts.entry(offset).or_default();
    *attempts += 1;
    prop_assert_eq!(lease.attempt, *attempts);
    model
        .leased
        .insert(offset, (holder, size, deadline, lease.generation));
    model.deliveries.push((offset, lease.generation));
    Ok(())
}

fn pass(table: &mut LeaseTable, model: &mut Model, time: u64) -> Result<(), TestCaseError> {
    model.now += time;
    let mut due: Vec<_> = model
        .leased
        .iter()
        .map(|(offset, lease)| (lease.2, *offset))
        .collect();
    due.sort_unstable();
    prop_assert_eq!(table.next_deadline(), due.first().map(|(deadline, _)| *deadline));
    due.retain(|(deadline, _)| *deadline <= model.now);
    let expired = table.expire(model.now);
    prop_assert_eq!(
        expired.iter().map(|expired| expired.offset).collect::<Vec<_>>(),
        due.iter().map(|(_, offset)| *offset).collect::<Vec<_>>(),
        "not in the order of the deadlines"
    );
    for expired in expired {
        let (holder, size, ..) = model.leased.remove(&expired.offset).unwrap();
        prop_assert_eq!(expired.freed, Freed { holder, size });
    }
    Ok(())
}

fn compare(table: &LeaseTable, model: &Model) -> Result<(), TestCaseError> {
    table.validate().map_err(TestCaseError::fail)?;
    prop_assert_eq!(table.leased(), model.leased.len());
    prop_assert_eq!(table.waiting(), model.attempts.len() - model.leased.len());
    let floor = (0..).find(|offset| !model.done.contains(offset));
    prop_assert_eq!(Some(table.floor()), floor);
    for holder in 0..5 {
        let mine = model.leased.values().filter(|lease| lease.0 == holder);
        let held = table.held_by(holder);
        prop_assert_eq!(held.messages, mine.clone().count() as u64);
        prop_assert_eq!(held.bytes, mine.map(|lease| u64::from(lease.1)).sum::<u64>());
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_does_what_plain_maps_do(steps in vec(step(), 0..150)) {
        let mut table = LeaseTable::new(0, &RangeSet::new());
        let mut model = Model::default();
        for step in steps {
            run(&mut table, &mut model, step)?;
            compare(&table, &model)?;
        }
        // Whatever happened: what is not done is delivered, once each, when all leases have run out.
        table.expire(u64::MAX);
        let mut delivered = BTreeSet::new();
        while let Some(offset) = table.peek(model.end) {
            table.lease(offset, 0, 1, u64::MAX).unwrap();
            prop_assert!(delivered.insert(offset), "offset {offset} was delivered twice");
        }
        let expected = (0..model.end).filter(|offset| !model.done.contains(offset)).collect();
        prop_assert_eq!(delivered, expected);
    }

    #[test]
    fn it_takes_up_where_the_cursor_stands(
        floor in 0..20_u64,
        ranges in vec((0..30_u64, 1..5_u64), 0..6),
    ) {
        let mut acked = RangeSet::new();
        for (start, length) in ranges {
            acked.insert(floor + 1 + start..floor + 1 + start + length);
        }
        let mut table = LeaseTable::new(floor, &acked);
        table.validate().map_err(TestCaseError::fail)?;
        let end = floor + 50;
        let mut delivered = Vec::new();
        while let Some(offset) = table.peek(end) {
            prop_assert_eq!(table.lease(offset, 0, 1, 10).unwrap().attempt, 1);
            delivered.push(offset);
        }
        let expected: Vec<_> = (floor..end).filter(|offset| !acked.contains(*offset)).collect();
        prop_assert_eq!(delivered, expected);
    }
}

#[test]
fn an_acknowledgement_of_an_earlier_leaders_delivery_counts() {
    let mut table = LeaseTable::new(0, &RangeSet::new());
    let acknowledged = table.acknowledge(1, 12345);
    assert!(acknowledged.is_new && !acknowledged.is_current && acknowledged.freed.is_none());
    assert_eq!(table.peek(3), Some(0));
    table.lease(0, 1, 10, 5).unwrap();
    assert_eq!(table.peek(3), Some(2), "offset 1 was acknowledged");
}

#[test]
fn a_late_acknowledgement_takes_the_message_from_its_new_holder() {
    let mut table = LeaseTable::new(0, &RangeSet::new());
    let first = table.lease(0, 1, 10, 5).unwrap();
    table.expire(5);
    let second = table.lease(0, 2, 10, 20).unwrap();
    assert_eq!(second.attempt, 2);
    assert!(
        !table.extend(0, first.generation, 100),
        "a stale delivery can't hold on to the message"
    );
    assert_eq!(table.nack(0, first.generation), None);
    let acknowledged = table.acknowledge(0, first.generation);
    assert_eq!(
        acknowledged.freed,
        Some(Freed { holder: 2, size: 10 }),
        "the new holder gets its credit back"
    );
    assert!(acknowledged.is_new && !acknowledged.is_current);
    assert!(!table.acknowledge(0, second.generation).is_new);
    assert_eq!(table.peek(1), None);
}

#[test]
fn a_fresh_offset_is_not_leased_before_a_lower_one() {
    let mut table = LeaseTable::new(0, &RangeSet::new());
    assert_eq!(table.lease(1, 1, 10, 5), None);
    assert_eq!(table.peek(2), Some(0));
}

#[test]
fn the_highest_offsets_are_no_special_case() {
    let mut table = LeaseTable::new(u64::MAX - 1, &RangeSet::new());
    assert!(table.lease(u64::MAX - 1, 1, 10, 5).is_some());
    assert_eq!(table.lease(u64::MAX, 1, 10, 5), None);
    table.acknowledge(u64::MAX, 1);
    table.skip(u64::MAX);
    table.trim(u64::MAX);
    table.validate().unwrap();
    assert_eq!(table.leased(), 0);
}

/// A consumer that holds a million messages is nothing unusual.
#[test]
fn a_million_leases_are_given_and_taken() {
    const MANY: u64 = 1_000_000;
    let mut table = LeaseTable::new(0, &RangeSet::new());
    while let Some(offset) = table.peek(MANY) {
        table.lease(offset, offset % 3, 100, 1000 + offset % 7).unwrap();
    }
    assert_eq!(table.held_by(0).messages, MANY.div_ceil(3));
    // Every second is acknowledged: the worst case for the ranges.
    for offset in (0..MANY).step_by(2) {
        assert!(table.acknowledge(offset, 0).is_new);
    }
    assert_eq!(table.holes() as u64, MANY / 2 - 1);
    assert_eq!(table.expire(2000).len() as u64, MANY / 2);
    assert!(table.trim(MANY).is_empty());
    table.validate().unwrap();
    assert_eq!((table.floor(), table.holes(), table.waiting()), (MANY, 0, 0));
}
