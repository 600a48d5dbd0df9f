//! What the program says to its owner, in each language that it speaks; how that is chosen is in
//! `language`.
//!
//! Of an error, the English stands beside it (`#[error("…")]`) and the Chinese here (`chinese!`);
//! of everything else, both stand here, in one row for each case (`texts!`). Both macros write an
//! exhaustive match, so that a new case does not compile without its words; a test in `cli` fails
//! on a flag or a command whose help is missing.

/// Words the cases of a type, or of its field, in Chinese. After `in`, a name by which the values
/// find the language.
macro_rules! chinese {
    ($type:ty $(, in $language:ident)? $(, field $field:tt)?: $($case:pat $(if $guard:expr)? => $chinese:literal $(, $value:expr)*;)*) => {
        impl Localize for $type {
            fn chinese(&self) -> String {
                $(let $language = Language::Chinese;)?
                match self$(.$field)? {
                    $($case $(if $guard)? => format!($chinese $(, $value)*),)*
                }
            }
        }
    };
}

/// Words the cases of a type in English and in Chinese; both show the same values.
macro_rules! texts {
    ($type:ty $(, in $language:ident)? $(, field $field:tt)?: $($case:pat $(if $guard:expr)? => $english:literal, $chinese:literal $(, $value:expr)*;)*) => {
        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                $(let $language = Language::English;)?
                match self$(.$field)? {
                    $($case $(if $guard)? => write!(f, $english $(, $value)*),)*
                }
            }
        }
        chinese! { $type $(, in $language)? $(, field $field)?: $($case $(if $guard)? => $chinese $(, $value)*;)* }
    };
}

mod doctor;
mod errors;
pub(crate) mod help;
mod joke;
