//! RangeSet against a BTreeSet.

use std::collections::BTreeSet;
use std::ops::Range;

use postroad_core::RangeSet;
use proptest::collection::vec;
use proptest::prelude::*;

const SPAN: u64 = 64;

#[derive(Clone, Debug)]
enum Step {
    Insert(Range<u64>),
    RemoveBelow(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..SPAN, 0..8_u64).prop_map(|(start, length)| Step::Insert(start..start + length)),
        1 => (0..SPAN).prop_map(Step::RemoveBelow),
    ]
}

proptest! {
    #[test]
    fn it_holds_what_a_plain_set_holds(steps in vec(step(), 0..60)) {
        let mut set = RangeSet::new();
        let mut model = BTreeSet::new();
        for step in steps {
            match step {
                Step::Insert(range) => {
                    let new = range.clone().filter(|value| model.insert(*value)).count();
                    prop_assert_eq!(set.insert(range), new as u64);
                }
                Step::RemoveBelow(floor) => {
                    set.remove_below(floor);
                    model.retain(|value| *value >= floor);
                }
            }
            set.validate().map_err(TestCaseError::fail)?;
            prop_assert_eq!(set.iter().flatten().collect::<BTreeSet<_>>(), model.clone());
            for value in 0..SPAN + 10 {
                prop_assert_eq!(set.contains(value), model.contains(&value));
                let absent = (value..).find(|candidate| !model.contains(candidate));
                prop_assert_eq!(Some(set.next_absent(value)), absent);
            }
        }
    }
}

#[test]
fn runs_that_touch_become_one() {
    let mut set = RangeSet::new();
    assert_eq!(set.insert(0..2), 2);
    assert_eq!(set.insert(4..6), 2);
    assert_eq!(set.runs(), 2);
    assert_eq!(set.insert(2..4), 2);
    assert_eq!((set.runs(), set.first()), (1, Some(0..6)));
}

#[test]
fn the_highest_offsets_are_no_special_case() {
    let mut set = RangeSet::new();
    assert_eq!(set.insert(u64::MAX - 2..u64::MAX), 2);
    assert_eq!(set.next_absent(u64::MAX - 1), u64::MAX);
}
