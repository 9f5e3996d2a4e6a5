//! Documents in a heap in a file: found in the next run, at another address, and by an opening that believes nothing.

use std::path::PathBuf;

use outlive::json::{JsonError, Names, PJson};
use outlive::typed::Store;
use outlive::{Error, OpenOptions, PHashMap, PString, Persist, Verify};

outlive::heap!(struct H);

#[derive(Persist)]
struct Root<'h> {
    names: Names<H<'h>>,
    documents: PHashMap<PString<H<'h>>, PJson<H<'h>>, H<'h>>,
    maybe: Option<PJson<H<'h>>>,
}

type Opened = Store<Root<'static>, H<'static>>;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn empty(heap: H<'_>) -> Root<'_> {
    Root { names: Names::new_in(heap), documents: PHashMap::new_in(heap), maybe: None }
}

fn open(folder: &Folder, options: OpenOptions) -> Opened {
    H::open_with::<Root>(options.verify(Verify::Full), folder.0.join("heap"), empty).unwrap()
}

fn text(number: usize) -> String {
    let members: Vec<String> =
        (0..number % 40).map(|member| format!("\"member {member}\":{member}.50")).collect();
    format!(
        r#"{{"id":{number},"name":"document {number}, with a long name","parts":[{{{}}},null]}}"#,
        members.join(",")
    )
}

fn same(store: &Opened, skipped: usize) {
    store
        .read(|root| {
            assert_eq!(root.documents.len(), 99);
            for number in (0..100).filter(|number| *number != skipped) {
                assert_eq!(
                    root.documents.get(number.to_string().as_str()).unwrap().to_string(),
                    text(number)
                );
            }
            assert_eq!(root.maybe.as_ref().map(ToString::to_string).as_deref(), Some("[true]"));
        })
        .unwrap();
    assert!(store.unreachable().unwrap().is_empty());
}

/// One test, since one heap at a time is open as `H`.
#[test]
fn documents_are_found_in_the_next_run() {
    let folder = Folder(std::env::temp_dir().join(format!("outlive-documents-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let store = open(&folder, OpenOptions::new().find_unnoted(true));
    store
        .write(|root, heap| {
            for number in 0..100 {
                let document = PJson::parse_in(&text(number), &mut root.names, heap)?;
                root.documents.insert(PString::from_str_in(&number.to_string(), heap), document);
            }
            root.maybe = Some(PJson::parse_in("[true]", &mut root.names, heap)?);
            drop(root.documents.remove("7"));
            Ok::<(), JsonError>(())
        })
        .unwrap()
        .unwrap();
    store.persist().unwrap();
    same(&store, 7);
    // Changes of every kind in commits of their own, in which nothing is found that was not noted.
    let change = |act: &dyn for<'h> Fn(&mut Root<'h>, H<'h>) -> Result<(), JsonError>| {
        store.write(|root, heap| act(root, heap)).unwrap().unwrap();
        store.persist().unwrap();
    };
    change(&|root, heap| {
        let document = root.documents.get_mut("20").expect("it is there");
        document.set("/parts/0/member 3", PJson::new_in("a text that is long", heap), &mut root.names)?;
        document.set("/parts/-", PJson::new_in(1, heap), &mut root.names)?;
        document.merge(PJson::parse_in(r#"{"parts":[],"name":null}"#, &mut root.names, heap)?)?;
        Ok(())
    });
    change(&|root, heap| {
        let document = PJson::parse_in(&text(20), &mut root.names, heap)?;
        root.documents.insert(PString::from_str_in("20", heap), document);
        root.names.sweep();
        Ok(())
    });
    same(&store, 7);
    store.close().unwrap();

    let store = open(&folder, OpenOptions::new());
    let base = store.read(|root| (&raw const *root).addr()).unwrap();
    same(&store, 7);
    store.close().unwrap();

    // Where its address is taken it lies at another.
    let page = base & !0xFFF;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let wanted = std::ptr::without_provenance_mut(page);
    // SAFETY: the kernel refuses the address where anything is mapped.
    let taken = unsafe { libc::mmap(wanted, 4096, libc::PROT_NONE, flags, -1, 0) };
    assert_eq!(taken.addr(), page);
    let store = open(&folder, OpenOptions::new());
    assert_ne!(store.read(|root| (&raw const *root).addr()).unwrap() & !0xFFF, page);
    same(&store, 7);

    // Bytes that are no value are refused by an opening that believes nothing.
    store
        .write(|root, _| {
            let value = root.documents.get_mut("30").unwrap();
            // SAFETY: the last byte of the value says what it is; nobody uses the value any more.
            unsafe { (&raw mut *value).cast::<u8>().wrapping_add(15).write(0x77) };
        })
        .unwrap();
    store.persist().unwrap();
    store.close().unwrap();
    let refused = H::open_with::<Root>(
        OpenOptions::new().create(false).verify(Verify::Full),
        folder.0.join("heap"),
        |_| unreachable!("it is there"),
    );
    assert!(matches!(refused.unwrap_err(), Error::ValuesDamaged { .. }));
}
