//! smoke
#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();
use std::collections::HashMap;
#[test]
fn t() {
    let mut m = HashMap::new();
    for i in 0..200_000u64 { m.insert(i, vec![i; (i % 50) as usize]); }
    for i in 0..200_000u64 { assert_eq!(m[&i].len() as u64, i % 50); }
    let heap = outlive::Global.heap().unwrap();
    let r = heap.check();
    assert!(r.is_clean(), "{r}");
    println!("{}", heap.stats());
    drop(m);
    heap.trim();
    let r = heap.check();
    assert!(r.is_clean(), "{r}");
    println!("{}", heap.stats());
    std::thread::scope(|s| for _ in 0..8 { s.spawn(|| { let mut v = Vec::new(); for i in 0..100_000usize { v.push(vec![1u8; i % 3000]); if i % 3 == 0 { v.swap_remove(i / 7 % v.len()); } } }); });
    let r = heap.check();
    assert!(r.is_clean(), "{r}");
}
