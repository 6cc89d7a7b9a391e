//! Tables on a terminal: aligned, and safe whatever stands in them.

use crate::printable::printable;

/// Rows of cells under a heading. Control characters of cells are escaped.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// One more row, with a cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// Lines, columns two spaces apart.
    pub(crate) fn lines(&self) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }
}

/// A time without its fraction of a second; `-` where there is none.
pub(crate) fn time(time: Option<&str>) -> String {
    match time {
        None | Some("") => "-".to_owned(),
        Some(time) => match time.split_once('.') {
            Some((seconds, _)) => format!("{seconds}Z"),
            None => time.to_owned(),
        },
    }
}

/// A text, or `-` where there is none.
pub(crate) fn text(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}
