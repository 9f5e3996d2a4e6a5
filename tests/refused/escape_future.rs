#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

use std::future::Future;
use std::pin::Pin;

fn main() {
    let store = H::in_memory::<Number>(|heap| PBox::new_in(1, heap)).unwrap();
    let kept: Pin<Box<dyn Future<Output = u64>>> = store.read(|number| Box::pin(async move { **number }) as _).unwrap();
}
