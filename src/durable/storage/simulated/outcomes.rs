//! What may have become of one thing to which several changes were on their way.

/// Up to so many changes are tried in every order.
const ANY_ORDER: usize = 3;
/// Up to so many every subset is tried, in the order of the calls.
const ANY_SUBSET: usize = 6;

/// Every value that `settled` may have turned into, each once; the first is the first of them unchanged.
///
/// With many changes on their way only a part is tried: the first few, the last few, each alone and all but one.
pub(super) fn outcomes<T, C>(settled: &[T], changes: &[C], apply: impl Fn(&T, &C) -> T) -> Vec<T>
where
    T: Clone + PartialEq,
{
    let mut found = Vec::new();
    for value in settled {
        if changes.len() <= ANY_ORDER {
            in_any_order(value, changes, 0, &apply, &mut found);
        } else if changes.len() <= ANY_SUBSET {
            (0..1_u32 << changes.len())
                .for_each(|set| some(value, changes, |at| set >> at & 1 == 1, &apply, &mut found));
        } else {
            for chosen in 0..=changes.len() {
                some(value, changes, |at| at < chosen, &apply, &mut found);
                some(value, changes, |at| at >= chosen, &apply, &mut found);
                some(value, changes, |at| at == chosen, &apply, &mut found);
                some(value, changes, |at| at != chosen, &apply, &mut found);
            }
        }
    }
    found
}

fn in_any_order<T, C>(value: &T, changes: &[C], used: u32, apply: &impl Fn(&T, &C) -> T, found: &mut Vec<T>)
where
    T: Clone + PartialEq,
{
    note(value.clone(), found);
    for (at, change) in changes.iter().enumerate() {
        if used >> at & 1 == 0 {
            in_any_order(&apply(value, change), changes, used | 1 << at, apply, found);
        }
    }
}

fn some<T, C>(
    value: &T,
    changes: &[C],
    chosen: impl Fn(usize) -> bool,
    apply: &impl Fn(&T, &C) -> T,
    found: &mut Vec<T>,
) where
    T: Clone + PartialEq,
{
    let chosen = changes.iter().enumerate().filter(|(at, _)| chosen(*at));
    note(chosen.fold(value.clone(), |value, (_, change)| apply(&value, change)), found);
}

fn note<T: PartialEq>(value: T, found: &mut Vec<T>) {
    if !found.contains(&value) {
        found.push(value);
    }
}
