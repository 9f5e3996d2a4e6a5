//! The database of `examples/pjson_db` beside SQLite, with documents as text and as JSONB, and beside a map of serde_json's
//! values in memory: how fast a million documents go in and come out, and how much room they take.
//!
//! All have the documents by their keys and an index on one field; the databases make each 10,000 documents durable. A get
//! returns text. Times of gets are the best of several rounds, in which the contenders take turns, and in the processor's time:
//! they wait for nothing. For puts there is both.

#[path = "../../../examples/pjson_db/database.rs"]
#[allow(dead_code, reason = "the shell has more commands")]
mod database;
#[path = "../../../examples/pjson_db/load.rs"]
#[allow(dead_code, reason = "the example's own measurement")]
mod load;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use database::{BATCH, Database};
use load::{COLLECTION, document, key};
use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();

const GETS: usize = 100_000;
const ROUNDS: usize = 3;

/// What holds documents.
trait Store {
    fn put(&mut self, documents: &[(String, String)]);
    fn get(&mut self, key: &str) -> String;
    /// The city's text.
    fn field(&mut self, key: &str) -> String;
    /// How many documents have this city, by the index.
    fn find(&mut self, city: &str) -> usize;
    /// The bytes that the documents take, with keys and index.
    fn bytes(&mut self) -> u64;
}

impl Store for Database {
    fn put(&mut self, documents: &[(String, String)]) {
        if self.list().expect("a list").is_empty() {
            self.put_all(COLLECTION, documents[..1].iter().map(|(key, text)| (key, text)))
                .expect("a document");
            self.index(COLLECTION, "/address/city").expect("an index");
        }
        self.put_all(COLLECTION, documents.iter().map(|(key, text)| (key, text))).expect("documents");
        self.persist().expect("a commit");
    }

    fn get(&mut self, key: &str) -> String {
        Self::get(self, COLLECTION, key, "").expect("a get").expect("a document")
    }

    fn field(&mut self, key: &str) -> String {
        Self::get(self, COLLECTION, key, "/address/city").expect("a get").expect("a field")
    }

    fn find(&mut self, city: &str) -> usize {
        Self::find(self, COLLECTION, "/address/city", &format!("\"{city}\"")).expect("keys").len()
    }

    fn bytes(&mut self) -> u64 {
        self.used().expect("a size")
    }
}

struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// How a document goes into its column and comes out.
    put: &'static str,
    get: &'static str,
}

impl Sqlite {
    fn open(path: &Path, is_binary: bool) -> Self {
        let connection = Connection::open(path).expect("a database");
        // The cache has room for most of it.
        let settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1048576;
            CREATE TABLE people (key TEXT PRIMARY KEY, body ANY NOT NULL) WITHOUT ROWID;
            CREATE INDEX city ON people (json_extract(body, '$.address.city'));";
        connection.execute_batch(settings).expect("settings");
        let (put, get) = if is_binary {
            (
                "INSERT OR REPLACE INTO people VALUES (?1, jsonb(?2))",
                "SELECT json(body) FROM people WHERE key = ?1",
            )
        } else {
            ("INSERT OR REPLACE INTO people VALUES (?1, ?2)", "SELECT body FROM people WHERE key = ?1")
        };
        Self { connection, path: path.to_owned(), put, get }
    }

    fn text(&self, query: &str, key: &str) -> String {
        let mut prepared = self.connection.prepare_cached(query).expect("a statement");
        prepared.query_row([key], |row| row.get(0)).expect("a document")
    }
}

impl Store for Sqlite {
    fn put(&mut self, documents: &[(String, String)]) {
        let write = self.connection.transaction().expect("a transaction");
        let mut prepared = write.prepare_cached(self.put).expect("a statement");
        for (key, text) in documents {
            prepared.execute([key, text]).expect("an insertion");
        }
        drop(prepared);
        write.commit().expect("a commit");
    }

    fn get(&mut self, key: &str) -> String {
        self.text(self.get, key)
    }

    fn field(&mut self, key: &str) -> String {
        self.text("SELECT json_extract(body, '$.address.city') FROM people WHERE key = ?1", key)
    }

    fn find(&mut self, city: &str) -> usize {
        let query = "SELECT key FROM people WHERE json_extract(body, '$.address.city') = ?1";
        let mut prepared = self.connection.prepare_cached(query).expect("a statement");
        let keys = prepared.query_map([city], |row| row.get::<_, String>(0)).expect("keys");
        keys.map(|key| key.expect("a key")).collect::<Vec<_>>().len()
    }

    fn bytes(&mut self) -> u64 {
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
        std::fs::metadata(&self.path).expect("a file").len()
    }
}

/// A map in memory, which nobody finds again.
struct Memory {
    documents: HashMap<String, Value>,
    cities: HashMap<String, Vec<String>>,
    before: u64,
}

fn used() -> u64 {
    GLOBAL.heap().map_or(0, |heap| heap.stats().used)
}

impl Store for Memory {
    fn put(&mut self, documents: &[(String, String)]) {
        for (key, text) in documents {
            let value: Value = serde_json::from_str(text).expect("a document");
            let city = value.pointer("/address/city").and_then(Value::as_str).expect("a city");
            self.cities.entry(city.to_owned()).or_default().push(key.clone());
            self.documents.insert(key.clone(), value);
        }
    }

    fn get(&mut self, key: &str) -> String {
        self.documents[key].to_string()
    }

    fn field(&mut self, key: &str) -> String {
        self.documents[key].pointer("/address/city").map(Value::to_string).expect("a field")
    }

    fn find(&mut self, city: &str) -> usize {
        self.cities[city].clone().len()
    }

    fn bytes(&mut self) -> u64 {
        used() - self.before
    }
}

/// Opens a store without documents.
type Make<'a> = dyn Fn() -> Box<dyn Store> + 'a;

/// The `step`th of random keys.
fn random_key(step: usize, count: usize) -> String {
    key((step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % count)
}

/// The time of the processor that all threads of this process had.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn nanoseconds(times: usize, mut act: impl FnMut(usize)) -> f64 {
    let begun = processor();
    (0..times).for_each(&mut act);
    (processor() - begun) * 1e9 / times as f64
}

fn main() {
    let count: usize = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number"));
    let folder = std::env::temp_dir().join(format!("outlive-documents-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let text: usize = (0..count).map(|number| document(number).len()).sum();
    println!("{count} documents, {text} bytes of text\n");
    println!("| | puts a second | of processor time | bytes a byte of text |\n|---|---|---|---|");
    let mut stores: Vec<(&str, Box<dyn Store>)> = Vec::new();
    let makes: [(&str, &Make<'_>); 4] = [
        ("outlive", &|| Box::new(Database::open(folder.join("heap")).expect("a heap"))),
        ("SQLite, text", &|| Box::new(Sqlite::open(&folder.join("text"), false))),
        ("SQLite, JSONB", &|| Box::new(Sqlite::open(&folder.join("jsonb"), true))),
        ("serde_json, in memory", &|| {
            Box::new(Memory { documents: HashMap::new(), cities: HashMap::new(), before: used() })
        }),
    ];
    for (name, make) in makes {
        let mut store = make();
        let (mut seconds, mut busy) = (0.0, 0.0);
        for first in (0..count).step_by(BATCH) {
            let numbers = first..count.min(first + BATCH);
            let batch: Vec<_> = numbers.map(|number| (key(number), document(number))).collect();
            let (begun, before) = (Instant::now(), processor());
            store.put(&batch);
            seconds += begun.elapsed().as_secs_f64();
            busy += processor() - before;
        }
        let bytes = store.bytes();
        let (puts, per_busy) = (count as f64 / seconds, count as f64 / busy);
        println!("| {name} | {puts:.0} | {per_busy:.0} | {:.2} |", bytes as f64 / text as f64);
        stores.push((name, store));
    }
    println!("\n| | get, ns | one field, ns | keys by the index, ns a key |\n|---|---|---|---|");
    let mut best = vec![[f64::MAX; 3]; stores.len()];
    for _ in 0..ROUNDS {
        for ((_, store), best) in stores.iter_mut().zip(&mut best) {
            let get = nanoseconds(GETS, |step| drop(black_box(store.get(&random_key(step, count)))));
            let field = nanoseconds(GETS, |step| drop(black_box(store.field(&random_key(step, count)))));
            let mut keys = 0;
            let all = nanoseconds(10, |step| keys += store.find(&format!("city {}", step * 7)));
            for (best, time) in best.iter_mut().zip([get, field, all * 10.0 / keys.max(1) as f64]) {
                *best = best.min(time);
            }
        }
    }
    for ((name, _), [get, field, found]) in stores.iter().zip(&best) {
        println!("| {name} | {get:.0} | {field:.0} | {found:.0} |");
    }
    drop(stores);
    let begun = Instant::now();
    let database = Database::open(folder.join("heap")).expect("a heap");
    let first = database.get(COLLECTION, &key(0), "").expect("a get");
    println!("\nopened and a document got in {:.1?}", begun.elapsed());
    assert_eq!(first, Some(document(0)));
    drop(database);
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}
