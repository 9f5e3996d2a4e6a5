//! `#[derive(Persist)]`; see the `Persist` trait of `outlive`, which re-exports it with the feature `derive`.
//!
//! - `input`: what the derive stands at, and the attribute `#[persist(crate = "...")]`;
//! - `refuse`: types that cannot live in a heap and are known by name, with what to use instead;
//! - `structs`, `enums`: the parts of the implementation that depend on the kind of type;
//! - this file: what they have in common.

mod enums;
mod input;
mod refuse;
mod structs;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

use input::Input;

/// Lets a struct or an enum live in a heap: all its fields have to be able to.
///
/// An enum needs `#[repr(u8)]` or that of another integer, so that its tags are the same in each build. A type parameter has
/// to be a `Persist` type, or a heap type if it is declared as `H: HeapType`. With `#[persist(crate = "path")]` the crate
/// `outlive` is found under another name.
#[proc_macro_derive(Persist, attributes(persist))]
pub fn derive_persist(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// What depends on the kind of type.
struct Body {
    scanned: Tokens,
    /// Whether all fields have an order.
    ordered: Tokens,
    niche: Tokens,
    describe: Tokens,
    inspect: Tokens,
}

fn expand(input: DeriveInput) -> syn::Result<Tokens> {
    let input = Input::new(input)?;
    let body = match &input.derive.data {
        syn::Data::Struct(data) => structs::body(&input, data)?,
        syn::Data::Enum(data) => enums::body(&input, data)?,
        syn::Data::Union(data) => {
            let what = "a union does not say what is in it: use an enum with `#[repr(u8)]`";
            return Err(syn::Error::new(data.union_token.span, what));
        }
    };
    Ok(implementation(&input, &body))
}

fn implementation(input: &Input, body: &Body) -> Tokens {
    let (krate, ident) = (&input.krate, &input.derive.ident);
    let (rebound, name) = (input.rebound(), input.name());
    let generics = input.bounded();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let Body { scanned, ordered, niche, describe, inspect } = body;
    quote! {
        const _: () = {
            #[automatically_derived]
            unsafe impl #impl_generics #krate::typed::Persist for #ident #type_generics #where_clause {
                type In<'__h> = #ident #rebound;
                const SCANNED: bool = #scanned;
                const NICHE: #krate::typed::Niche = #niche;

                fn order() -> ::core::option::Option<#krate::typed::Order<Self>> {
                    #[allow(unused_imports)]
                    use #krate::typed::Unordered as _;
                    if #ordered {
                        #krate::typed::Probe::<Self>::new().order()
                    } else {
                        ::core::option::Option::None
                    }
                }

                fn name(__layouts: &mut #krate::typed::Layouts) -> ::std::string::String {
                    #name
                }

                fn describe(__parts: &mut #krate::typed::Parts<'_>) {
                    #describe
                }

                unsafe fn inspect(
                    __at: *const Self,
                    __inspector: &mut #krate::typed::Inspector<'_>,
                ) -> ::core::result::Result<(), #krate::typed::Fault> {
                    #inspect
                }
            }
        };
    }
}
