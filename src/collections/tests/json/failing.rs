//! Each allocation of each operation fails once; what was to change is then as it was, and nothing is left.

use super::super::drive::{Place, assign, check_reach};
use super::super::heap::{TestHeap, start};
use super::model::Root;
use crate::json::{JsonError, Names, PJson};

/// Does `act` to the value of `text` with the first allocation failing, then with the second, and so on, until it succeeds.
/// Returns how many failed.
fn every_allocation(text: &str, act: impl Fn(&mut Root, TestHeap) -> Result<(), JsonError>) -> u64 {
    for moment in 0.. {
        let heap = start(256 << 10);
        let before = heap.used();
        let mut names = Names::new_in(heap);
        let value = PJson::parse_in(text, &mut names, heap).unwrap();
        let mut root = Place::put((names, value), heap);
        heap.watch();
        heap.grants(moment);
        let done = act(root.get(heap), heap);
        heap.grants(u64::MAX);
        heap.check_notes();
        heap.check();
        check_reach(root.get(heap), heap);
        if done.is_err() {
            assert_eq!(done, Err(JsonError::NoMemory), "at allocation {moment}");
            assert_eq!(root.get(heap).1.to_string(), text, "at allocation {moment}");
        }
        drop(root.take(heap));
        heap.check();
        assert_eq!(heap.used(), before, "blocks were left at allocation {moment}");
        if done.is_ok() {
            return moment;
        }
    }
    unreachable!("an operation ends");
}

/// An object of so many members.
fn object(members: usize) -> String {
    let members: Vec<String> = (0..members).map(|member| format!("\"member{member}\":{member}")).collect();
    format!("{{{}}}", members.join(","))
}

const TEXT: &str =
    r#"{"a":[1,2,{"a text that is long":"another text that is long"}],"b":12345678901234567890.5}"#;

#[test]
fn reading_fails_at_every_allocation() {
    let text = format!(r#"[{TEXT},{},"\u0041 text with escapes, and long"]"#, object(20));
    let failed = every_allocation("null", |(names, value), heap| {
        let read = PJson::parse_in(&text, names, heap)?;
        drop(assign(value, read, heap));
        Ok(())
    });
    assert!(failed > 30, "{failed}");
}

#[test]
fn copying_fails_at_every_allocation() {
    for text in [TEXT, &object(17)] {
        let failed = every_allocation(text, |(_, value), heap| {
            let copy = value.try_clone_in(heap)?;
            assert_eq!(copy, *value);
            Ok(())
        });
        assert_eq!(failed, if text == TEXT { 5 } else { 1 });
    }
}

#[test]
fn changes_fail_at_every_allocation() {
    let new = |text: &str, heap| PJson::try_new_in(text, heap);
    assert!(
        every_allocation(TEXT, |(_, value), heap| value
            .get_mut("a")
            .unwrap()
            .push(new("sixteen letters!", heap)?))
            >= 2
    );
    assert!(
        every_allocation(TEXT, |(_, value), heap| {
            value.get_mut("a").unwrap().insert_at(1, new("sixteen letters!", heap)?)
        }) >= 2
    );
    assert!(every_allocation("[]", |(_, value), heap| value.push(new("short", heap)?)) >= 1);
    for members in [0, 2, 15, 16, 17, 32, 33] {
        let failed = every_allocation(&object(members), |(names, value), heap| {
            value.insert("a name that is long", new("sixteen letters!", heap)?, names)?;
            let (is_there, len) = (value.get("a name that is long").is_some(), value.len());
            assert!(is_there && len == members + 1);
            Ok(())
        });
        assert!(failed >= 4, "{failed} of {members}");
    }
    assert!(
        every_allocation(TEXT, |(names, value), heap| {
            value.set("/a/2/new", new("sixteen letters!", heap)?, names).map(drop)
        }) >= 3
    );
}

#[test]
fn merging_fails_at_every_allocation() {
    let patch = format!(
        r#"{{"a":null,"o":{{"member3":null,"x":[{TEXT}],"p":{{"q":{{"r":1,"s":null}}}}}},"n":{TEXT}}}"#
    );
    let target = format!(r#"{{"a":1,"o":{},"b":2}}"#, object(16));
    let failed = every_allocation(&target, |(names, value), heap| {
        let patch = PJson::parse_in(&patch, names, heap)?;
        value.merge(patch)?;
        assert_eq!(value.pointer("/o/p/q").unwrap().to_string(), r#"{"r":1}"#);
        assert_eq!((value.len(), value.get("o").unwrap().len()), (3, 17));
        Ok(())
    });
    assert!(failed > 20, "{failed}");
}
