//! What the derive stands at.

use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, DeriveInput, GenericParam, Generics, Path, TypeParam, TypeParamBound, parse_quote};

/// A type, and where `outlive` is found.
pub(crate) struct Input {
    pub(crate) derive: DeriveInput,
    pub(crate) krate: Path,
}

impl Input {
    pub(crate) fn new(derive: DeriveInput) -> syn::Result<Self> {
        let krate = krate(&derive.attrs)?.unwrap_or_else(|| parse_quote!(::outlive));
        Ok(Self { derive, krate })
    }

    /// The parameters, with what the implementation asks of them.
    pub(crate) fn bounded(&self) -> Generics {
        let (mut generics, krate) = (self.derive.generics.clone(), &self.krate);
        for param in generics.type_params_mut() {
            param.default = None;
            if !is_heap(param) {
                param.bounds.push(parse_quote!(#krate::typed::Persist));
            }
        }
        generics
    }

    /// The arguments of the same type in the access `'__h`.
    pub(crate) fn rebound(&self) -> Tokens {
        let krate = &self.krate;
        let arguments: Vec<_> = self
            .derive
            .generics
            .params
            .iter()
            .map(|param| match param {
                GenericParam::Lifetime(_) => quote!('__h),
                GenericParam::Type(param) => {
                    let ident = &param.ident;
                    if is_heap(param) {
                        quote!(<#ident as #krate::HeapType>::In<'__h>)
                    } else {
                        quote!(<#ident as #krate::typed::Persist>::In<'__h>)
                    }
                }
                GenericParam::Const(param) => {
                    let ident = &param.ident;
                    quote!(#ident)
                }
            })
            .collect();
        if arguments.is_empty() { Tokens::new() } else { quote!(<#(#arguments),*>) }
    }

    /// What makes the type's name, with the names of its arguments.
    pub(crate) fn name(&self) -> Tokens {
        let (krate, ident) = (&self.krate, self.derive.ident.to_string());
        let ident = ident.trim_start_matches("r#");
        let mut holds = Tokens::new();
        let mut arguments = Vec::new();
        for param in &self.derive.generics.params {
            match param {
                GenericParam::Lifetime(_) => {}
                GenericParam::Type(param) => {
                    let ident = &param.ident;
                    if is_heap(param) {
                        holds.extend(quote!(#krate::typed::Layouts::holds::<#ident>(__layouts);));
                    } else {
                        arguments.push(quote!(#krate::typed::Layouts::name_of::<#ident>(__layouts)));
                    }
                }
                GenericParam::Const(param) => {
                    let ident = &param.ident;
                    arguments.push(quote!(::std::string::ToString::to_string(&#ident)));
                }
            }
        }
        if arguments.is_empty() {
            return quote!(#holds ::std::string::String::from(#ident));
        }
        quote! {
            #holds
            let __arguments: &[::std::string::String] = &[#(#arguments),*];
            ::std::format!("{}<{}>", #ident, __arguments.join(", "))
        }
    }

    /// The integer of `#[repr(...)]`, if there is one; other layouts are refused.
    pub(crate) fn integer(&self) -> syn::Result<Option<syn::Ident>> {
        let mut integer = None;
        for attribute in self.derive.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
            attribute.parse_nested_meta(|meta| {
                let Some(ident) = meta.path.get_ident() else { return Ok(()) };
                match ident.to_string().as_str() {
                    "packed" => {
                        return Err(meta.error(
                            "fields of packed types lie where nothing can refer to them: leave `packed` away",
                        ));
                    }
                    "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => {
                        integer = Some(ident.clone())
                    }
                    _ => {}
                }
                if meta.input.peek(syn::token::Paren) {
                    let content;
                    syn::parenthesized!(content in meta.input);
                    content.parse::<Tokens>()?;
                }
                Ok(())
            })?;
        }
        Ok(integer)
    }
}

/// Whether a parameter stands for a heap.
fn is_heap(param: &TypeParam) -> bool {
    param.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "HeapType" || last.ident == "Anchored"),
        _ => false,
    })
}

/// The path of `#[persist(crate = "...")]`.
fn krate(attributes: &[Attribute]) -> syn::Result<Option<Path>> {
    let mut krate = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("persist")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("only `crate = \"...\"` can be said here"));
            }
            let path: syn::LitStr = meta.value()?.parse()?;
            krate = Some(path.parse()?);
            Ok(())
        })?;
    }
    Ok(krate)
}
