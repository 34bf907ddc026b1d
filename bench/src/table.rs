//! Markdown tables whose source lines up.

use crate::figure::Figure;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new() -> Table {
        Table::default()
    }

    pub fn column(&mut self, name: &str, align: Align) {
        self.columns.push((name.to_owned(), align));
    }

    /// Adds a row with one cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |index: usize| {
            let cells = self.rows.iter().map(|row| row[index].len());
            cells.fold(self.columns[index].0.len(), usize::max)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &String>| {
            for ((cell, width), (_, align)) in cells.zip(&widths).zip(&self.columns) {
                match align {
                    Align::Left => write!(f, "| {cell:<width$} ")?,
                    Align::Right => write!(f, "| {cell:>width$} ")?,
                }
            }
            writeln!(f, "|")
        };
        line(f, &mut self.columns.iter().map(|(name, _)| name))?;
        for (width, (_, align)) in widths.iter().zip(&self.columns) {
            match align {
                Align::Left => write!(f, "|-{:-<width$}-", "")?,
                Align::Right => write!(f, "|-{:-<width$}:", "")?,
            }
        }
        writeln!(f, "|")?;
        for row in &self.rows {
            line(f, &mut row.iter())?;
        }
        Ok(())
    }
}

pub fn number(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

pub fn range(figure: Figure, decimals: usize) -> String {
    format!("{:.decimals$} to {:.decimals$}", figure.lowest, figure.highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new();
        table.column("server", Align::Left);
        table.column("n", Align::Right);
        table.row(vec!["floor".to_owned(), "144".to_owned()]);
        assert_eq!(
            table.to_string(),
            "| server |   n |\n\
             |--------|----:|\n\
             | floor  | 144 |\n"
        );
    }
}
