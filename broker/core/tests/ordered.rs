//! Ordered leases against a naive model: plain maps, looked through from one end to the other.

use std::collections::{BTreeMap, BTreeSet};

use postroad_core::{Lease, LeaseTable, Offer, OrderedLeases, RangeSet};
use proptest::collection::vec;
use proptest::prelude::*;

/// A generation that is never given.
const FORGED: u32 = 4_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    /// Messages with these keys; 0 = none.
    Publish(Vec<u8>),
    Deliver {
        holder: u64,
        most: usize,
        lasting: u64,
    },
    Acknowledge(usize),
    Extend(usize, u64),
    Nack(usize),
    /// Lets time pass and ends the leases that ran out.
    Pass(u64),
    Skip(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..1000_usize;
    prop_oneof![
        4 => vec(0..4_u8, 1..6).prop_map(Step::Publish),
        6 => (1..4_u64, 1..6_usize, 1..20_u64)
            .prop_map(|(holder, most, lasting)| Step::Deliver { holder, most, lasting }),
        5 => which.clone().prop_map(Step::Acknowledge),
        2 => (which.clone(), 0..20_u64).prop_map(|(which, lasting)| Step::Extend(which, lasting)),
        2 => which.prop_map(Step::Nack),
        2 => (1..12_u64).prop_map(Step::Pass),
        1 => (0..60_u64).prop_map(Step::Skip),
    ]
}

#[derive(Clone, Copy)]
struct Leased {
    holder: u64,
    deadline: u64,
    generation: u32,
}

#[derive(Default)]
struct Model {
    now: u64,
    /// By offset.
    keys: Vec<u8>,
    done: BTreeSet<u64>,
    leased: BTreeMap<u64, Leased>,
    attempts: BTreeMap<u64, u32>,
    /// Every delivery that was made: offset and generation.
    deliveries: Vec<(u64, u32)>,
}

impl Model {
    fn end(&self) -> u64 {
        self.keys.len() as u64
    }

    fn key(&self, offset: u64) -> u8 {
        self.keys.get(offset as usize).copied().unwrap_or_default()
    }

    fn same_key(&self, one: u64, other: u64) -> bool {
        self.key(one) != 0 && self.key(one) == self.key(other)
    }

    fn is_open(&self, offset: u64) -> bool {
        !self.done.contains(&offset)
    }

    /// The rule: every lower message of the key is done or leased to the same holder.
    fn may_go(&self, offset: u64, holder: u64) -> bool {
        let mut before = (0..offset).filter(|lower| self.same_key(*lower, offset) && self.is_open(*lower));
        before.all(|lower| {
            self.leased
                .get(&lower)
                .is_some_and(|lease| lease.holder == holder)
        })
    }

    fn next(&self, holder: u64) -> Option<u64> {
        let deliverable = |offset: &u64| self.is_open(*offset) && !self.leased.contains_key(offset);
        (0..self.end())
            .filter(deliverable)
            .find(|offset| self.may_go(*offset, holder))
    }

    fn delivery(&self, which: usize) -> (u64, u32) {
        match self.deliveries.get(which % self.deliveries.len().max(1)) {
            None => (0, FORGED),
            Some((offset, _)) if which.is_multiple_of(7) => (*offset, FORGED),
            Some(delivery) => *delivery,
        }
    }

    fn is_current(&self, offset: u64, generation: u32) -> bool {
        self.leased
            .get(&offset)
            .is_some_and(|lease| lease.generation == generation)
    }

    fn counts(&self, offset: u64, generation: u32) -> bool {
        let open_before = |lower: u64| self.same_key(lower, offset) && self.is_open(lower);
        self.is_current(offset, generation) || !(0..offset).any(open_before)
    }

    /// Ends leases, and those behind them in their keys; all that ended.
    fn give_back(&mut self, offsets: &[u64]) -> BTreeSet<u64> {
        let mut ended = BTreeSet::new();
        for offset in offsets {
            let behind = |other: &u64| other == offset || (other > offset && self.same_key(*other, *offset));
            ended.extend(self.leased.keys().copied().filter(behind));
        }
        self.leased.retain(|offset, _| !ended.contains(offset));
        ended
    }

    fn lease(&mut self, offset: u64, holder: u64, deadline: u64, lease: Lease) {
        let generation = lease.generation;
        self.leased.insert(
            offset,
            Leased {
                holder,
                deadline,
                generation,
            },
        );
        self.deliveries.push((offset, generation));
    }
}

fn name(key: u8) -> Vec<u8> {
    if key == 0 { Vec::new() } else { vec![b'k', key] }
}

fn run(
    leases: &mut OrderedLeases,
    model: &mut Model,
    step: Step,
    look_ahead: usize,
) -> Result<(), TestCaseError> {
    match step {
        Step::Publish(keys) => model.keys.extend(keys),
        Step::Deliver {
            holder,
            most,
            lasting,
        } => {
            for _ in 0..most {
                deliver(leases, model, holder, lasting, look_ahead)?;
            }
        }
        Step::Acknowledge(which) => {
            let (offset, generation) = model.delivery(which);
            let counts = model.counts(offset, generation);
            let is_new = counts && model.is_open(offset);
            let acknowledged = leases.acknowledge(offset, generation);
            prop_assert_eq!(acknowledged.is_new, is_new);
            prop_assert_eq!(
                acknowledged.is_current,
                is_new && model.is_current(offset, generation)
            );
            if is_new {
                let holder = model.leased.remove(&offset).map(|lease| lease.holder);
                prop_assert_eq!(acknowledged.freed.map(|freed| freed.holder), holder);
                model.done.insert(offset);
            }
        }
        Step::Extend(which, lasting) => {
            let (offset, generation) = model.delivery(which);
            let current = model.is_current(offset, generation);
            let deadline = model.now + lasting;
            prop_assert_eq!(leases.extend(offset, generation, deadline), current);
            if current {
                model.leased.get_mut(&offset).unwrap().deadline = deadline;
            }
        }
        Step::Nack(which) => {
            let (offset, generation) = model.delivery(which);
            let current = model.is_current(offset, generation);
            let ended = if current {
                model.give_back(&[offset])
            } else {
                BTreeSet::new()
            };
            prop_assert_eq!(leases.nack(offset, generation).len(), ended.len());
        }
        Step::Pass(time) => {
            model.now += time;
            let due = model
                .leased
                .iter()
                .filter(|(_, lease)| lease.deadline <= model.now);
            let due: Vec<u64> = due.map(|(offset, _)| *offset).collect();
            let ended: BTreeSet<_> = leases
                .expire(model.now)
                .iter()
                .map(|expired| expired.offset)
                .collect();
            prop_assert_eq!(ended, model.give_back(&due));
        }
        Step::Skip(offset) => {
            leases.skip_range(offset..offset + 2);
            for offset in [offset, offset + 1] {
                model.done.insert(offset);
                model.leased.remove(&offset);
            }
        }
    }
    Ok(())
}

/// One message, as a dispatcher does it.
fn deliver(
    leases: &mut OrderedLeases,
    model: &mut Model,
    holder: u64,
    lasting: u64,
    look_ahead: usize,
) -> Result<(), TestCaseError> {
    loop {
        let Some(offset) = leases.peek(holder, model.end()) else {
            prop_assert_eq!(model.next(holder), None);
            return Ok(());
        };
        let key = name(model.key(offset));
        let deadline = model.now + lasting;
        match leases.offer(offset, &key, holder) {
            Offer::Deferred => prop_assert!(leases.waiting() <= look_ahead && !model.may_go(offset, holder)),
            Offer::Full => {
                prop_assert!(leases.waiting() >= look_ahead && !model.may_go(offset, holder));
                prop_assert_eq!(leases.lease(offset, &key, holder, 1, deadline), None);
                return Ok(());
            }
            Offer::Deliverable => {
                prop_assert_eq!(Some(offset), model.next(holder));
                let lease = leases.lease(offset, &key, holder, 1, deadline).unwrap();
                let attempts = model.attempts.entry(offset).or_default();
                *attempts += 1;
                prop_assert_eq!(lease.attempt, *attempts);
                model.lease(offset, holder, deadline, lease);
                return Ok(());
            }
        }
    }
}

proptest! {
    #[test]
    fn it_does_what_plain_maps_do(
        steps in vec(step(), 0..150),
        look_ahead in prop_oneof![Just(usize::MAX), 0..5_usize],
    ) {
        let mut leases = OrderedLeases::new(LeaseTable::new(0, &RangeSet::new()), look_ahead);
        let mut model = Model::default();
        for step in steps {
            run(&mut leases, &mut model, step, look_ahead)?;
            leases.validate().map_err(TestCaseError::fail)?;
            prop_assert_eq!(leases.leased(), model.leased.len());
            let floor = (0..).find(|offset| model.is_open(*offset));
            prop_assert_eq!(Some(leases.floor()), floor);
        }
        // Whatever happened: what is not done comes once each, in the order of each key, and acknowledged it is gone.
        leases.expire(u64::MAX);
        let mut delivered = Vec::new();
        while let Some(offset) = leases.peek(9, model.end()) {
            let key = name(model.key(offset));
            prop_assert_eq!(leases.offer(offset, &key, 9), Offer::Deliverable);
            let lease = leases.lease(offset, &key, 9, 1, u64::MAX).unwrap();
            prop_assert!(leases.acknowledge(offset, lease.generation).is_new);
            delivered.push(offset);
        }
        let expected: Vec<_> = (0..model.end()).filter(|offset| model.is_open(*offset)).collect();
        prop_assert_eq!(delivered, expected);
    }
}

/// All that `holder` may be given, at once.
fn take(leases: &mut OrderedLeases, keys: &[&str], holder: u64) -> Vec<(u64, Lease)> {
    let mut taken = Vec::new();
    while let Some(offset) = leases.peek(holder, keys.len() as u64) {
        let key = keys[offset as usize].as_bytes();
        match leases.offer(offset, key, holder) {
            Offer::Deliverable => taken.push((
                offset,
                leases.lease(offset, key, holder, 1, 100 + offset).unwrap(),
            )),
            Offer::Deferred => {}
            Offer::Full => break,
        }
    }
    taken
}

fn offsets(taken: &[(u64, Lease)]) -> Vec<u64> {
    taken.iter().map(|(offset, _)| *offset).collect()
}

fn new(look_ahead: usize) -> OrderedLeases {
    OrderedLeases::new(LeaseTable::new(0, &RangeSet::new()), look_ahead)
}

#[test]
fn a_key_belongs_to_one_holder_and_does_not_hold_up_others() {
    let mut leases = new(10);
    let one = take(&mut leases, &["a", "a"], 1);
    assert_eq!(offsets(&one), [0, 1], "many of a key go to one holder");
    let keys = ["a", "a", "a", "b", "", "a"];
    assert_eq!(offsets(&take(&mut leases, &keys, 2)), [3, 4]);
    assert!(leases.acknowledge(1, one[1].1.generation).is_new, "in any order");
    assert_eq!(offsets(&take(&mut leases, &keys, 2)), []);
    leases.acknowledge(0, one[0].1.generation);
    assert_eq!(
        offsets(&take(&mut leases, &keys, 2)),
        [2, 5],
        "nobody has the key now"
    );
}

#[test]
fn what_comes_back_brings_all_behind_it() {
    let keys = ["a", "b", "a", "a", "a"];
    let mut leases = new(10);
    let taken = take(&mut leases, &keys, 1);
    leases.acknowledge(3, taken[3].1.generation);
    assert_eq!(
        leases.nack(2, taken[2].1.generation).len(),
        2,
        "2 and 4; 3 is done"
    );
    assert!(!leases.extend(4, taken[4].1.generation, 1_000));
    assert_eq!(
        offsets(&take(&mut leases, &keys, 2)),
        [],
        "the holder of 0 has the key"
    );
    assert_eq!(leases.lease(5, b"a", 1, 1, 100), None, "2 and 4 come first");
    let again = take(&mut leases, &keys, 1);
    assert_eq!(offsets(&again), [2, 4]);
    assert_eq!((again[0].1.attempt, again[1].1.attempt), (2, 2));
    assert_eq!(leases.expire(100).len(), 3, "0 ran out: 2 and 4 go with it");
    assert_eq!(offsets(&take(&mut leases, &keys, 2)), [0, 2, 4]);
}

/// A consumer gave a message back and then acknowledged the next of the key, which it had already. That one would have been
/// left out when the first came again.
#[test]
fn a_late_acknowledgement_counts_only_from_the_front() {
    let keys = ["a", "a"];
    let mut leases = new(10);
    let taken = take(&mut leases, &keys, 1);
    leases.nack(0, taken[0].1.generation);
    let late = leases.acknowledge(1, taken[1].1.generation);
    assert!(!late.is_new && !late.is_current && late.freed.is_none());
    assert!(
        leases.acknowledge(0, taken[0].1.generation).is_new,
        "it is the first"
    );
    assert!(leases.acknowledge(1, taken[1].1.generation).is_new, "now this is");
    assert_eq!(leases.peek(1, 2), None);
}

#[test]
fn look_ahead_is_bounded() {
    let mut leases = new(2);
    take(&mut leases, &["a"], 1);
    let keys = ["a", "a", "a", "a", "b"];
    assert_eq!(offsets(&take(&mut leases, &keys, 2)), []);
    assert_eq!(leases.waiting(), 2, "the third stays in the log, and b behind it");
    assert_eq!(offsets(&take(&mut leases, &keys, 1)), [1, 2, 3, 4]);
}

/// The holder of one key has a large backlog behind it.
#[test]
fn a_hundred_thousand_wait_behind_one_key() {
    const MANY: usize = 100_000;
    let keys = vec!["a"; MANY];
    let mut leases = new(MANY);
    let first = take(&mut leases, &keys[..1], 1);
    assert_eq!(offsets(&take(&mut leases, &keys, 2)), []);
    assert_eq!(leases.waiting(), MANY - 1);
    leases.nack(0, first[0].1.generation);
    assert_eq!(take(&mut leases, &keys, 2).len(), MANY);
    assert_eq!(leases.expire(u64::MAX).len(), MANY);
    leases.skip_range(0..MANY as u64);
    leases.validate().unwrap();
    assert_eq!((leases.leased(), leases.waiting()), (0, 0));
}
