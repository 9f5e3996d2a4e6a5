//! The example database: what its commands do, and that a load which is killed again and again ends as one that is not.

mod common;
#[path = "../examples/pjson_db/database.rs"]
mod database;
#[path = "../examples/pjson_db/load.rs"]
mod load;
#[path = "../examples/pjson_db/shell.rs"]
mod shell;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::child;
use common::files::Folder;
use common::random::Random;
use database::{Database, DbError};

/// One test at a time has a database open.
static TURN: Mutex<()> = Mutex::new(());

const TEST: &str = "a_load_that_is_killed_again_and_again_ends_as_it_should";
const FILE: &str = "OUTLIVE_PJSON_DB_FILE";

const DOCUMENTS: usize = 4_000;
const BATCH: usize = 100;

fn does(database: &Database, line: &str) -> Result<String, DbError> {
    let mut out = Vec::new();
    shell::run(database, &shell::words(line), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn commands_do_what_they_say_and_are_durable() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new();
    let path = folder.join("heap");
    let database = Database::open(&path).unwrap();
    let run = |line: &str| does(&database, line).unwrap_or_else(|error| panic!("{line}: {error}"));
    run(r#"put items tea {"price": 4.50, "tags": ["hot", "green"], "kind": "drink"}"#);
    run(r#"put items cup {"price": 12, "kind": "thing"}"#);
    run("index items /kind");
    run(r#"put items milk {"price": 1.1, "kind": "drink"}"#);
    assert_eq!(run(r#"find items /kind "drink""#), "milk\ntea\n");
    run(r#"patch items cup {"kind": "drink", "price": null}"#);
    assert_eq!(run(r#"find items /kind "drink""#), "cup\nmilk\ntea\n");
    assert_eq!(run(r#"find items /kind "thing""#), "");
    run(r#"put items milk {"price": 1.10}"#);
    run("delete items cup");
    assert_eq!(run(r#"find items /kind "drink""#), "tea\n");
    assert_eq!(run("find items /price 1.10"), "milk\n");
    assert_eq!(run("get items tea /tags/1"), "\"green\"\n");
    let refused = [
        (r#"put items tea {"price": }"#, "line 1, byte 11"),
        ("get items cup", "no document"),
        ("get items tea /tags/7", "no document"),
        ("patch items cup {}", "no document"),
        ("delete things cup", "no collection"),
        ("delete items", "a command is one of these"),
    ];
    for (line, what) in refused {
        let error = does(&database, line).unwrap_err().to_string();
        assert!(error.contains(what), "{line}: {error}");
    }
    assert_eq!((run("list").as_str(), run("check").as_str()), ("items: 2 documents\n", "whole\n"));
    database.close().unwrap();

    let database = Database::open(&path).unwrap();
    let run = |line: &str| does(&database, line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(run("get items tea"), "{\"price\":4.50,\"tags\":[\"hot\",\"green\"],\"kind\":\"drink\"}\n");
    // Out and in again.
    let (lines, bad) = (folder.join("lines"), folder.join("bad"));
    let people: Vec<String> = (0..50).map(load::document).collect();
    std::fs::write(&lines, people.join("\n\n")).unwrap();
    assert_eq!(run(&format!("import people {}", lines.display())), "50 documents\n");
    let mut exported: Vec<String> = run("export people").lines().map(str::to_owned).collect();
    exported.sort();
    let mut expected = people.clone();
    expected.sort();
    assert_eq!(exported, expected);
    std::fs::write(&bad, format!("{}\n{{\"id\":[]}}\n", load::document(60))).unwrap();
    let error = does(&database, &format!("import people {}", bad.display())).unwrap_err();
    assert!(matches!(error, DbError::Line(2, _)), "{error}");
    assert_eq!(run("list"), "items: 2 documents\npeople: 50 documents\n");
    run(&format!("export people {}", bad.display()));
    assert_eq!(std::fs::read_to_string(&bad).unwrap().lines().count(), 50);
    assert_eq!(run("check"), "whole\n");
    database.close().unwrap();
}

#[test]
fn a_load_that_is_killed_again_and_again_ends_as_it_should() {
    if child::is(TEST) {
        let database = Database::open(std::env::var(FILE).unwrap()).unwrap();
        load::fill(&database, DOCUMENTS, BATCH).unwrap();
        // Only what was persisted counts.
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new();
    let path = folder.join("heap");
    let mut random = Random::new(7);
    let (mut kills, mut before) = (0, 0);
    while before < DOCUMENTS {
        let mut child = child::command(TEST, TEST).env(FILE, &path).stdout(Stdio::null()).spawn().unwrap();
        // Longer each time: on a machine that is busy with something else it ends as well.
        std::thread::sleep(Duration::from_millis(20 + random.next() % 150 + 10 * kills));
        child.kill().unwrap();
        kills += u64::from(!child.wait().unwrap().success());
        before = found(&path, before);
    }
    assert!(kills > 2, "{kills} kills");
    let database = Database::open(&path).unwrap();
    let mut out = Vec::new();
    load::load(&database, DOCUMENTS, &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("people in city 7"));
    database.close().unwrap();
}

/// Whether the file has whole batches, no less than before, and each document as it should be; says how many.
fn found(path: &Path, before: usize) -> usize {
    let database = Database::open(path).unwrap();
    let len = database.list().unwrap().first().map_or(0, |(_, len)| *len);
    assert!(
        len >= before && (len == 0 || len == DOCUMENTS || len % BATCH == 1),
        "{len} documents, {before} before"
    );
    for number in 0..len {
        let text = database.get(load::COLLECTION, &load::key(number), "").unwrap();
        assert_eq!(text.as_deref(), Some(load::document(number).as_str()));
    }
    let city =
        serde_json::from_str::<serde_json::Value>(&load::document(0)).unwrap()["address"]["city"].to_string();
    let same = |number: &usize| load::document(*number).contains(&format!("\"city\":{city}"));
    if len > 0 {
        let keys = database.find(load::COLLECTION, "/address/city", &city).unwrap();
        assert_eq!(keys.len(), (0..len).filter(same).count());
    }
    assert!(database.is_whole().unwrap());
    database.close().unwrap();
    len
}
