//! SQLite as [`Table`]: an item is a row with the JSON text of the item, and a column for each attribute that is a key of
//! the table or of an index.

use std::fmt::Write as _;

use contract::Failure;
use control::ports::Table;
use control::table::{Item, Key, Page, Put, PutOutcome, Query, Sort};
use rusqlite::types::Value as Column;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::Value;

use crate::database::Database;
use crate::records::NewestUploads;

/// Items of a query's page.
const PAGE: usize = 1000;

/// The keys of a table and of its indexes: the same as in docs/tables.md.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// The name of the table in SQLite.
    name: &'static str,
    /// The key attributes.
    key: &'static [&'static str],
    indexes: &'static [Index],
}

#[derive(Debug, PartialEq, Eq)]
struct Index {
    name: &'static str,
    partition: &'static str,
    sort: &'static str,
}

/// What DYNAMODB_INPUT is in AWS.
pub static INPUTS: &Layout = &Layout {
    name: "input_records",
    key: &["object", "jobId"],
    indexes: &[Index { name: "by-state", partition: "stateDay", sort: "stateAt" }],
};

/// What DYNAMODB_OUTPUT is in AWS.
pub static OUTPUTS: &Layout = &Layout {
    name: "output_records",
    key: &["object"],
    indexes: &[
        // The outputs of one upload have the same sort key.
        Index { name: "by-source", partition: "sourceObject", sort: "jobId" },
    ],
};

impl Layout {
    /// Every attribute with a column of its own, the keys first.
    fn columns(&self) -> Vec<&'static str> {
        let mut columns = self.key.to_vec();
        for attribute in self.indexes.iter().flat_map(|index| [index.partition, index.sort]) {
            if !columns.contains(&attribute) {
                columns.push(attribute);
            }
        }
        columns
    }

    /// The column of an attribute.
    fn column(&self, attribute: &str) -> Result<&'static str, Failure> {
        let column = self.columns().into_iter().find(|column| *column == attribute);
        column.ok_or_else(|| Failure::internal(format!("{attribute} is not a key of the table")))
    }

    /// The statements that make the table and its indexes.
    pub(crate) fn schema(&self) -> String {
        let name = self.name;
        let columns: String = self.columns().iter().fold(String::new(), |mut text, column| {
            let is_key = self.key.contains(column);
            let _ = write!(text, "{column} TEXT{}, ", if is_key { " NOT NULL" } else { "" });
            text
        });
        let key = self.key.join(", ");
        let mut schema = format!(
            "CREATE TABLE IF NOT EXISTS {name} ({columns}item TEXT NOT NULL, PRIMARY KEY ({key})) STRICT, WITHOUT ROWID;"
        );
        for Index { name: index, partition, sort } in self.indexes {
            let index = index.replace('-', "_");
            let _ = write!(schema, "CREATE INDEX IF NOT EXISTS {name}_{index} ON {name} ({partition}, {sort});");
        }
        schema
    }

    /// The sort key of the table or of an index.
    fn sort_of(&self, index: Option<&str>) -> Option<&'static str> {
        match index {
            None => self.key.get(1).copied(),
            Some(name) => self.indexes.iter().find(|index| index.name == name).map(|index| index.sort),
        }
    }
}

/// A table in SQLite. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteTable {
    database: Database,
    layout: &'static Layout,
}

impl SqliteTable {
    /// A table of the file.
    pub fn new(database: &Database, layout: &'static Layout) -> Self {
        Self { database: database.clone(), layout }
    }

    /// Every value of an attribute that has a column, such as the days and states of the index by state.
    pub fn values(&self, attribute: &str) -> Result<Vec<String>, Failure> {
        let column = self.layout.column(attribute)?;
        let query = format!("SELECT DISTINCT {column} FROM {} WHERE {column} IS NOT NULL ORDER BY 1", self.layout.name);
        self.database.with(|connection| connection.prepare_cached(&query)?.query_map([], |row| row.get(0))?.collect())
    }

    /// How many items have each value of an attribute that has a column.
    pub fn sizes(&self, attribute: &str) -> Result<Vec<(String, u64)>, Failure> {
        let column = self.layout.column(attribute)?;
        let name = self.layout.name;
        let query = format!("SELECT {column}, count(*) FROM {name} WHERE {column} IS NOT NULL GROUP BY {column}");
        self.database.with(|connection| {
            let mut statement = connection.prepare_cached(&query)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// The newest items of partitions of the index by state; those whose upload was deleted are left out. Each partition's part of the
    /// index is read from its end, and no further than the page needs, and days from the last until the page is full: everything of an
    /// earlier day is older. So the first page of 100,000 uploads costs no more than that of 100.
    pub(crate) fn newest(&self, wanted: &NewestUploads) -> Result<Vec<Item>, Failure> {
        let name = self.layout.name;
        // What the index has is asked first, for every row; what only the item has, in a query of its own for what is left.
        let of_item = |path: &str| {
            format!(
                "(SELECT json_extract(item, '$.{path}') FROM {name} AS whole WHERE whole.object = listed.object AND whole.jobId = listed.jobId)"
            )
        };
        let mut text = format!("SELECT stateAt, object, jobId FROM {name} AS listed WHERE stateDay = ?1");
        let mut values: Vec<Column> = vec![Column::Null];
        if let Some(after) = &wanted.after {
            text.push_str(" AND (stateAt, object, jobId) < (?2, ?3, ?4)");
            values.extend(after.iter().map(|value| Column::from(value.clone())));
        }
        if let Some(part) = &wanted.text {
            values.push(part.to_lowercase().into());
            let _ = write!(text, " AND instr(lower(object), ?{}) > 0", values.len());
        }
        if let Some(kind) = wanted.kind {
            values.push(kind.name().to_owned().into());
            let _ = write!(text, " AND {} = ?{}", of_item("kind"), values.len());
        }
        let _ = write!(text, " AND {} IS NULL", of_item("sourceDeletedAt"));
        let _ = write!(text, " ORDER BY stateAt DESC, object DESC, jobId DESC LIMIT {}", wanted.limit);
        let mut partitions: Vec<(&str, &String)> = wanted
            .partitions
            .iter()
            .map(|partition| (partition.split('#').nth(1).unwrap_or_default(), partition))
            .collect();
        partitions.sort_unstable_by(|a, b| b.cmp(a));
        self.database.with(|connection| {
            let mut statement = connection.prepare_cached(&text)?;
            let mut found: Vec<[String; 3]> = Vec::new();
            let mut day = "";
            for (of_day, partition) in partitions {
                if of_day != day && found.len() >= wanted.limit {
                    break;
                }
                day = of_day;
                values[0] = partition.clone().into();
                let rows = statement
                    .query_map(params_from_iter(&values), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
                found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.truncate(wanted.limit);
            let keys = found.into_iter().map(|[_, object, job]| Key(vec![("object", object), ("jobId", job)]));
            keys.filter_map(|key| self.read(connection, &key).transpose()).collect()
        })
    }

    /// Every item.
    pub fn all(&self) -> Result<Vec<Item>, Failure> {
        let query = format!("SELECT item FROM {}", self.layout.name);
        self.database
            .with(|connection| connection.prepare_cached(&query)?.query_map([], |row| item_of(row, 0))?.collect())
    }

    /// Deletes the items that may expire: those whose `expiresAt` (seconds since 1970) has passed.
    pub fn expire(&self, now: i64) -> Result<usize, Failure> {
        let query = format!("DELETE FROM {} WHERE json_extract(item, '$.expiresAt') < ?1", self.layout.name);
        self.database.write(|connection| connection.execute(&query, [now]))
    }

    fn read(&self, connection: &Connection, key: &Key) -> rusqlite::Result<Option<Item>> {
        let conditions: Vec<String> =
            key.0.iter().enumerate().map(|(position, (name, _))| format!("{name} = ?{}", position + 1)).collect();
        let query = format!("SELECT item FROM {} WHERE {}", self.layout.name, conditions.join(" AND "));
        let values = key.0.iter().map(|(_, value)| value);
        let mut statement = connection.prepare_cached(&query)?;
        statement.query_row(params_from_iter(values), |row| item_of(row, 0)).optional()
    }

    fn write(&self, connection: &Connection, item: &Item) -> rusqlite::Result<()> {
        let columns = self.layout.columns();
        let places: Vec<String> = (1..=columns.len() + 1).map(|position| format!("?{position}")).collect();
        let statement = format!(
            "INSERT OR REPLACE INTO {} ({}, item) VALUES ({})",
            self.layout.name,
            columns.join(", "),
            places.join(", ")
        );
        let text =
            |name: &str| item.get(name).and_then(Value::as_str).map_or(Column::Null, |text| text.to_owned().into());
        let item_text =
            serde_json::to_string(item).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let values = columns.iter().map(|name| text(name)).chain([item_text.into()]);
        connection.prepare_cached(&statement)?.execute(params_from_iter(values)).map(drop)
    }

    fn page(&self, query: &Query) -> Result<Page, Failure> {
        let layout = self.layout;
        if let Some(name) = query.index
            && layout.sort_of(Some(name)).is_none()
        {
            return Err(Failure::internal(format!("{} has no index {name}", layout.name)));
        }
        // What orders the items of a partition: the sort key, and in an index the keys of the table after it.
        let mut order: Vec<&str> = layout.sort_of(query.index).into_iter().collect();
        order.extend(layout.key.iter().filter(|name| !order.contains(name)).copied().collect::<Vec<_>>());
        let (partition, value) = &query.partition;
        let mut values: Vec<&str> = vec![value];
        let mut text = format!("SELECT item FROM {} WHERE {partition} = ?1", layout.name);
        if let Some((name, sort)) = &query.sort {
            let (comparison, limit) = match sort {
                Sort::Is(text) => ("=", text),
                Sort::UpTo(text) => ("<=", text),
            };
            values.push(limit);
            let _ = write!(text, " AND {name} {comparison} ?{}", values.len());
        }
        if let Some(start) = &query.start {
            let first = values.len();
            values.extend(order.iter().map(|name| start.get(*name).and_then(Value::as_str).unwrap_or_default()));
            let places: Vec<String> = (first + 1..=values.len()).map(|place| format!("?{place}")).collect();
            let comparison = if query.descending { "<" } else { ">" };
            let _ = write!(text, " AND ({}) {comparison} ({})", order.join(", "), places.join(", "));
        }
        let direction = if query.descending { " DESC" } else { "" };
        let order_by: Vec<String> = order.iter().map(|name| format!("{name}{direction}")).collect();
        let _ = write!(text, " ORDER BY {} LIMIT {}", order_by.join(", "), PAGE + 1);
        let mut items: Vec<Item> = self.database.with(|connection| {
            connection.prepare_cached(&text)?.query_map(params_from_iter(values), |row| item_of(row, 0))?.collect()
        })?;
        let is_last = items.len() <= PAGE;
        items.truncate(PAGE);
        let next = items.last().filter(|_| !is_last).map(|last| {
            let attributes = order.iter().filter_map(|name| Some(((*name).to_owned(), last.get(*name)?.clone())));
            attributes.collect()
        });
        Ok(Page { items, next })
    }
}

impl Table for SqliteTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Failure> {
        self.database.with(|connection| keys.iter().map(|key| self.read(connection, key)).collect())
    }

    /// One transaction for all, within which each put has its own condition.
    async fn put(&self, puts: &[Put]) -> Vec<PutOutcome> {
        let written = self.database.write(|connection| {
            let outcomes = puts.iter().map(|put| {
                if put.condition.holds(self.read(connection, &put.key())?.as_ref()) {
                    self.write(connection, &put.item)?;
                    return Ok(PutOutcome::Written);
                }
                Ok(PutOutcome::Conflict)
            });
            outcomes.collect()
        });
        written.unwrap_or_else(|failure| {
            let again = |failure: &Failure| PutOutcome::Failed(Failure::new(failure.kind(), failure.to_string()));
            puts.iter().map(|_| again(&failure)).collect()
        })
    }

    async fn query(&self, query: &Query) -> Result<Page, Failure> {
        self.page(query)
    }
}

fn item_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Item> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}
