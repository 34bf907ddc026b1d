//! The function below an attribute.

use crate::error::Error;
use proc_macro::token_stream::IntoIter;
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::iter::Peekable;

/// An `async fn`, in parts.
pub(crate) struct Function {
    /// Each with the content of its brackets.
    attributes: Vec<(TokenTree, Group)>,
    visibility: TokenStream,
    pub(crate) name: Ident,
    /// The arrow and the type, or nothing.
    output: TokenStream,
    /// From `async` to the end of the body.
    itself: TokenStream,
}

/// The arguments that a function is called with.
#[derive(Clone, Copy)]
pub(crate) enum Parameters {
    None,
    /// Its core.
    Core,
}

impl Parameters {
    fn check(self, parameters: &Group, name: &Ident, attribute: &str) -> Result<(), Error> {
        let message = |what: &str| format!("#[egret::{attribute}] calls the function itself: {what}");
        let mut tokens = parameters.stream().into_iter();
        match (self, tokens.next()) {
            (Parameters::None, None) => Ok(()),
            (Parameters::None, Some(first)) if attribute == "main" => {
                let what = "it can have no parameters, or with `#[egret::main(cores = 4)]` the one \
                            `core: egret::cores::Core`";
                Err(Error::new(first.span(), message(what)))
            }
            (Parameters::None, Some(first)) => {
                Err(Error::new(first.span(), message("it can have no parameters")))
            }
            (Parameters::Core, None) => {
                let what =
                    format!("each core is given to it, so write `async fn {name}(core: egret::cores::Core)`");
                Err(Error::new(parameters.span(), message(&what)))
            }
            (Parameters::Core, Some(_)) => match tokens.skip_while(|token| !is_punct(token, ',')).nth(1) {
                None => Ok(()),
                Some(second) => {
                    Err(Error::new(second.span(), message("its one parameter is `core: egret::cores::Core`")))
                }
            },
        }
    }
}

impl Function {
    /// `attribute` is the name of the expanded attribute, for errors.
    pub(crate) fn parse(item: TokenStream, attribute: &str, wanted: Parameters) -> Result<Function, Error> {
        let no_function = |span| {
            Error::new(
                span,
                format!("#[egret::{attribute}] goes on a function: write `async fn {attribute}() {{ .. }}`"),
            )
        };
        let mut tokens = item.into_iter().peekable();
        let attributes = take_attributes(&mut tokens).map_err(no_function)?;
        let visibility = take_visibility(&mut tokens);

        let mut itself = TokenStream::new();
        let mut is_async = false;
        let keyword = loop {
            match tokens.next() {
                Some(token) if is_ident(&token, "fn") => break token,
                Some(token) if is_ident(&token, "async") => {
                    is_async = true;
                    itself.extend([token]);
                }
                Some(token) if ["const", "unsafe", "extern"].iter().any(|word| is_ident(&token, word)) => {
                    let message =
                        format!("#[egret::{attribute}] goes on an `async fn` that is not `{token}`");
                    return Err(Error::new(token.span(), message));
                }
                Some(token) => return Err(no_function(token.span())),
                None => return Err(no_function(Span::call_site())),
            }
        };
        let Some(TokenTree::Ident(name)) = tokens.next() else { return Err(no_function(keyword.span())) };
        if !is_async {
            let message = format!("#[egret::{attribute}] goes on an `async fn`: write `async fn {name}`");
            return Err(Error::new(keyword.span(), message));
        }
        let parameters = match tokens.next() {
            Some(TokenTree::Group(parameters)) => parameters,
            Some(other) if is_punct(&other, '<') => {
                let message = format!(
                    "#[egret::{attribute}] calls the function itself: it can have no generic parameters"
                );
                return Err(Error::new(other.span(), message));
            }
            _ => return Err(no_function(keyword.span())),
        };
        wanted.check(&parameters, &name, attribute)?;

        let mut rest: Vec<_> = tokens.collect();
        let Some(body) = rest.pop().filter(|token| is_group(token, Delimiter::Brace)) else {
            return Err(no_function(keyword.span()));
        };
        let output: TokenStream = rest.into_iter().collect();
        itself.extend([keyword, name.clone().into(), parameters.into()]);
        itself.extend(output.clone());
        itself.extend([body]);
        Ok(Function { attributes, visibility, name, output, itself })
    }

    /// With `#[test]` the compiler's own runner would call the `async fn`.
    pub(crate) fn is_no_test_yet(&self) -> Result<(), Error> {
        let test = self.attributes.iter().find(|(_, brackets)| brackets.stream().to_string() == "test");
        match test {
            None => Ok(()),
            Some((_, brackets)) => {
                Err(Error::new(brackets.span(), "#[egret::test] says that it is a test: remove `#[test]`"))
            }
        }
    }

    /// Creates a function of the same name that contains the original and runs `call`, which may name it.
    pub(crate) fn calling(self, call: &str, with_output: bool) -> TokenStream {
        let mut tokens = TokenStream::new();
        for (hash, brackets) in self.attributes {
            tokens.extend([hash, brackets.into()]);
        }
        tokens.extend(self.visibility);
        tokens.extend("fn".parse::<TokenStream>());
        tokens.extend([TokenTree::from(self.name)]);
        tokens.extend("()".parse::<TokenStream>());
        if with_output {
            tokens.extend(self.output);
        }
        let mut body = self.itself;
        body.extend(call.parse::<TokenStream>());
        tokens.extend([TokenTree::from(Group::new(Delimiter::Brace, body))]);
        tokens
    }
}

/// Returns the probable name of the function in `item`.
pub(crate) fn name_of(item: &TokenStream) -> Option<String> {
    let mut tokens = item.clone().into_iter().skip_while(|token| !is_ident(token, "fn"));
    tokens.nth(1).map(|name| name.to_string())
}

/// Returns the attributes of an item, each with the content of its brackets; or the place where there is none.
fn take_attributes(tokens: &mut Peekable<IntoIter>) -> Result<Vec<(TokenTree, Group)>, Span> {
    let mut attributes = Vec::new();
    while let Some(hash) = tokens.next_if(|token| is_punct(token, '#')) {
        match tokens.next() {
            Some(TokenTree::Group(brackets)) => attributes.push((hash, brackets)),
            _ => return Err(hash.span()),
        }
    }
    Ok(attributes)
}

fn take_visibility(tokens: &mut Peekable<IntoIter>) -> TokenStream {
    let mut visibility = TokenStream::new();
    if let Some(public) = tokens.next_if(|token| is_ident(token, "pub")) {
        visibility.extend([public]);
        visibility.extend(tokens.next_if(|token| is_group(token, Delimiter::Parenthesis)));
    }
    visibility
}

fn is_ident(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == text)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if *punct == character)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}
