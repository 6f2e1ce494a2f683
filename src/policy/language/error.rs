//! What is wrong with a policy file: the file, the line, the span, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity,
    SourceCode,
};

/// Everything wrong with a set of policy files.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.summary())]
pub struct PolicyErrors(Vec<PolicyError>);

/// Why a policy set was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A folder that holds no policy: an empty policy would allow everything.
    #[error("`{}` holds no policy file (*.toml)", .0.display())]
    Empty(PathBuf),
    /// A file that does not say what it must.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// One fault in one file.
#[derive(Debug)]
pub struct Fault {
    column: usize,
    file: NamedSource<String>,
    help: String,
    label: String,
    line: usize,
    message: String,
    severity: Severity,
    span: Range<usize>,
}

impl PolicyErrors {
    pub(crate) const fn new(errors: Vec<PolicyError>) -> Self {
        Self(errors)
    }

    /// Each error.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyError> {
        self.0.iter()
    }

    /// True if a file or folder could not be read, or there was none.
    pub fn is_io(&self) -> bool {
        self.0.iter().all(|error| !matches!(error, PolicyError::Fault(_)))
    }

    /// True if some file or folder could not be read; an empty folder and a fault are of the data.
    pub fn is_unreadable(&self) -> bool {
        self.0.iter().any(|error| matches!(error, PolicyError::Unreadable { .. }))
    }

    /// The errors with the source lines they stand in; colour only where the caller has a terminal.
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for error in &self.0 {
            let rendered = match error {
                PolicyError::Fault(fault) => fault.render(colour, &mut text),
                PolicyError::Empty(_) | PolicyError::Unreadable { .. } => false,
            };
            if !rendered {
                text.push_str("error: ");
                text.push_str(&error.to_string());
                text.push('\n');
            }
        }
        text
    }

    fn summary(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl Fault {
    pub(crate) fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            column: line.chars().count().saturating_add(1),
            file: NamedSource::new(file, text.to_owned()),
            help: help.into(),
            label: "here".to_owned(),
            line: before.matches('\n').count().saturating_add(1),
            message: message.into(),
            severity: Severity::Error,
            span,
        }
    }

    /// The same fault, less grave than an error.
    pub(crate) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// What is wrong, without where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file it stands in.
    pub fn file(&self) -> &str {
        self.file.name()
    }

    /// What to write instead.
    pub fn help_text(&self) -> &str {
        &self.help
    }

    /// Writes the fault with the source lines it stands in; false if that failed.
    pub(crate) fn render(&self, colour: bool, text: &mut String) -> bool {
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        handler.render_report(text, self).is_ok()
    }

    /// The character of its line where it begins, from 1.
    pub const fn column(&self) -> usize {
        self.column
    }

    /// The line it stands in, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.name(), self.line, self.message)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new_with_span(Some(self.label.clone()), self.span.clone());
        Some(Box::new(std::iter::once(span)))
    }
}
