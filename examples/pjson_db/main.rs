//! A small document database: collections of JSON documents in one heap, with indexes, that is there at once in the next run.
//!
//! ```text
//! cargo run --release --example pjson_db -- shop.heap put items tea '{"price": 4.50, "tags": ["hot"]}'
//! cargo run --release --example pjson_db -- shop.heap patch items tea '{"stock": 12}'
//! cargo run --release --example pjson_db -- shop.heap get items tea
//! cargo run --release --example pjson_db -- shop.heap            # commands from standard input; `help` lists them
//! cargo run --release --example pjson_db -- load.heap load 1000000
//! ```

mod database;
mod load;
mod shell;

use std::io::{BufRead, stdin, stdout};
use std::process::ExitCode;

use database::{Database, DbError};

fn run() -> Result<(), DbError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| String::from("documents.heap"));
    let database = Database::open(&path)?;
    let command: Vec<String> = arguments.collect();
    if !command.is_empty() {
        shell::run(&database, &command, &mut stdout())?;
        return database.close();
    }
    for line in stdin().lock().lines() {
        // What is wrong with one command does not end the others.
        if let Err(error) = shell::run(&database, &shell::words(&line?), &mut stdout()) {
            println!("error: {error}");
        }
    }
    database.close()
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
