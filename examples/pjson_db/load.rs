//! Many documents, and how fast they come and go.

use std::io::Write;
use std::time::Instant;

use super::database::{BATCH, Database, DbError};

pub(crate) const COLLECTION: &str = "people";

/// The key of document `number`.
pub(crate) fn key(number: usize) -> String {
    format!("p{number}")
}

/// Document `number`, as it is written: what an address book may have.
pub(crate) fn document(number: usize) -> String {
    let mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    let (city, street, amount) = (mixed % 100, mixed / 100 % 10_000, mixed / 1_000_000 % 100_000);
    let marks: Vec<String> = (0..mixed % 8).map(|mark| (mixed >> (8 * mark) & 0x3FF).to_string()).collect();
    format!(
        r#"{{"id":"p{number}","name":"person number {number}","mail":"person.{number}@example.org","active":{},"#,
        mixed.is_multiple_of(3),
    ) + &format!(
        r#""balance":{amount}.{:02},"address":{{"street":"street {street}","city":"city {city}","zip":"{street:05}"}},"#,
        mixed % 100,
    ) + &format!(
        r#""marks":[{}],"since":{},"note":null}}"#,
        marks.join(","),
        1_600_000_000 + mixed % 100_000_000
    )
}

/// Goes on with a load to so many documents, each batch a commit; says how many there were. An index on the city is there from
/// the start.
pub(crate) fn fill(database: &Database, count: usize, batch: usize) -> Result<usize, DbError> {
    let begun = database.list()?.into_iter().find(|(name, _)| name == COLLECTION).map_or(0, |(_, len)| len);
    if begun == 0 {
        database.put_all(COLLECTION, (0..1.min(count)).map(|number| (key(number), document(number))))?;
        database.index(COLLECTION, "/address/city")?;
    }
    for first in (begun.max(1)..count).step_by(batch) {
        let numbers = first..count.min(first + batch);
        database.put_all(COLLECTION, numbers.map(|number| (key(number), document(number))))?;
        database.persist()?;
    }
    Ok(begun)
}

/// `load N`: fills the collection and measures.
pub(crate) fn load(database: &Database, count: usize, out: &mut impl Write) -> Result<(), DbError> {
    let begun = Instant::now();
    let before = fill(database, count, BATCH)?;
    let took = begun.elapsed();
    if before > 0 {
        writeln!(out, "went on behind {before} documents")?;
    }
    let new = count.saturating_sub(before);
    writeln!(out, "{new} documents in {took:.1?}, {:.0} a second", new as f64 / took.as_secs_f64())?;
    let text: usize = (0..count).map(|number| document(number).len()).sum();
    let used = database.used()?;
    writeln!(out, "{used} bytes for {text} bytes of text, {:.2} a byte", used as f64 / text as f64)?;
    let begun = Instant::now();
    let gets = count.min(200_000);
    for step in 0..gets {
        let number = step.wrapping_mul(7_919_993) % count;
        let found = database.get(COLLECTION, &key(number), "")?.unwrap_or_default();
        assert_eq!(found.len(), document(number).len(), "document {number}");
    }
    let each = begun.elapsed() / u32::try_from(gets.max(1)).expect("no more than the above");
    writeln!(out, "a document by its key, made and compared: {each:.1?}")?;
    let begun = Instant::now();
    let found = database.find(COLLECTION, "/address/city", r#""city 7""#)?.len();
    writeln!(out, "{found} people in city 7, found in {:.1?}", begun.elapsed())?;
    Ok(())
}
