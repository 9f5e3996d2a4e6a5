//! Commands.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

use super::database::{Database, DbError};
use super::load;

const USAGE: &str = "  put COLLECTION KEY JSON
  get COLLECTION KEY [POINTER]
  patch COLLECTION KEY JSON          a merge patch: null takes a member out
  delete COLLECTION KEY
  index COLLECTION POINTER
  find COLLECTION POINTER JSON       keys of documents that have this value there
  import COLLECTION FILE [POINTER]   JSON lines, with the key at the pointer, `/id` unless told otherwise
  export COLLECTION [FILE]
  list
  check                              looks at everything there is
  load N                             so many documents made up, and measured
  help";

/// The words of a line. One that begins with a brace, a bracket or a quote goes to the line's end.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let is_json = words.len() > 1 && rest.starts_with(['{', '[', '"']);
        let end = if is_json { rest.len() } else { rest.find(char::is_whitespace).unwrap_or(rest.len()) };
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    words
}

/// Does a command. What it changes is durable when it returns.
pub(crate) fn run(database: &Database, command: &[String], out: &mut impl Write) -> Result<(), DbError> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match *words {
        [] => {}
        ["put", collection, key, text] => {
            database.put_all(collection, [(key, text)])?;
            database.persist()?;
        }
        ["get", collection, key] => show(database, collection, key, "", out)?,
        ["get", collection, key, pointer] => show(database, collection, key, pointer, out)?,
        ["patch", collection, key, patch] => {
            database.patch(collection, key, patch)?;
            database.persist()?;
        }
        ["delete", collection, key] => {
            database.delete(collection, key)?;
            database.persist()?;
        }
        ["index", collection, pointer] => {
            database.index(collection, pointer)?;
            database.persist()?;
        }
        ["find", collection, pointer, value] => {
            for key in database.find(collection, pointer, value)? {
                writeln!(out, "{key}")?;
            }
        }
        ["import", collection, file] => import(database, collection, file, "/id", out)?,
        ["import", collection, file, pointer] => import(database, collection, file, pointer, out)?,
        ["export", collection] => database.export(collection, out)?,
        ["export", collection, file] => {
            let mut file = BufWriter::new(File::create(file)?);
            database.export(collection, &mut file)?;
            file.flush()?;
        }
        ["list"] => {
            for (name, len) in database.list()? {
                writeln!(out, "{name}: {len} documents")?;
            }
        }
        ["check"] => writeln!(out, "{}", if database.is_whole()? { "whole" } else { "damaged" })?,
        ["load", count] => {
            let count = count.parse().map_err(|_| DbError::Command(USAGE.to_owned()))?;
            load::load(database, count, out)?;
        }
        ["help"] => writeln!(out, "{USAGE}")?,
        _ => return Err(DbError::Command(USAGE.to_owned())),
    }
    Ok(())
}

fn show(
    database: &Database,
    collection: &str,
    key: &str,
    pointer: &str,
    out: &mut impl Write,
) -> Result<(), DbError> {
    let found = database.get(collection, key, pointer)?;
    writeln!(out, "{}", found.ok_or_else(|| DbError::Document(format!("{key}{pointer}")))?)?;
    Ok(())
}

fn import(
    database: &Database,
    collection: &str,
    file: &str,
    pointer: &str,
    out: &mut impl Write,
) -> Result<(), DbError> {
    let count = database.import(collection, pointer, BufReader::new(File::open(file)?))?;
    writeln!(out, "{count} documents")?;
    Ok(())
}
