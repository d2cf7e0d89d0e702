//! Queues in SQLite: a message that was received is invisible for a while, and comes again unless it is deleted.

use std::sync::Arc;
use std::time::Duration;

use catalog::PerKind;
use contract::Failure;
use control::event::{QueueAttributes, QueueMessage};
use control::ports::{Postponed, Queues};
use rusqlite::params;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::database::Database;

/// How long a message that was received stays invisible to others.
const VISIBILITY: Duration = Duration::from_mins(5);

/// The queues of one outbox. A queue is there as soon as something is sent to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteQueues {
    database: Database,
    sent: Arc<Notify>,
}

impl SqliteQueues {
    /// The queues of the file.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), sent: Arc::new(Notify::new()) }
    }

    /// Makes every message visible: nobody is at work on one when a run begins.
    pub fn release(&self) -> Result<(), Failure> {
        self.database.write(|connection| connection.execute("UPDATE messages SET visible_at = 0", [])).map(drop)
    }

    /// At most so many messages that are visible, the oldest first.
    pub fn receive(&self, queue: &str, most: usize) -> Result<Vec<QueueMessage>, Failure> {
        let now = milliseconds();
        self.database.write(|connection| {
            let mut found = connection.prepare_cached(
                "SELECT id, body, receives + 1, sent_at FROM messages WHERE queue = ?1 AND visible_at <= ?2
                 ORDER BY id LIMIT ?3",
            )?;
            let messages: Vec<QueueMessage> = found
                .query_map(params![queue, now, most], |row| {
                    let id: i64 = row.get(0)?;
                    Ok(QueueMessage {
                        message_id: id.to_string(),
                        receipt_handle: id.to_string(),
                        body: row.get(1)?,
                        attributes: QueueAttributes {
                            approximate_receive_count: Some(row.get::<_, i64>(2)?.to_string()),
                            sent_timestamp: Some(row.get::<_, i64>(3)?.to_string()),
                        },
                        queue_arn: queue.to_owned(),
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut hide = connection
                .prepare_cached("UPDATE messages SET visible_at = ?2, receives = receives + 1 WHERE id = ?1")?;
            for message in &messages {
                hide.execute(params![message.message_id, now + VISIBILITY.as_millis() as i64])?;
            }
            Ok(messages)
        })
    }

    /// Deletes the messages that a handler's answer does not name; the others come again when their time has come.
    pub fn acknowledge(&self, received: &[QueueMessage], answer: &Value) -> Result<(), Failure> {
        let failed: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        let done = received.iter().filter(|message| !failed.contains(&message.message_id.as_str()));
        self.delete(done.map(|message| message.receipt_handle.as_str()))
    }

    /// Deletes messages by their receipts.
    pub fn delete<'a>(&self, receipts: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        self.database.write(|connection| {
            let mut delete = connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?;
            for receipt in receipts {
                delete.execute([receipt])?;
            }
            Ok(())
        })
    }

    /// When the next message of these queues is visible, milliseconds from now; `None` if they are empty.
    pub fn next(&self, queues: &PerKind<String>) -> Result<Option<Duration>, Failure> {
        let earliest = self.database.with(|connection| {
            let mut earliest = connection.prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1")?;
            let times: rusqlite::Result<Vec<Option<i64>>> =
                queues.iter().map(|(_, queue)| earliest.query_row([queue], |row| row.get(0))).collect();
            Ok(times?.into_iter().flatten().min())
        })?;
        Ok(earliest.map(|at| Duration::from_millis(u64::try_from(at - milliseconds()).unwrap_or_default())))
    }

    /// Waits until a message was sent in this process since this was last asked.
    pub async fn sent(&self) {
        self.sent.notified().await;
    }

    /// Moves every message of a queue to another. Returns how many.
    pub fn move_messages(&self, from: &str, to: &str) -> Result<usize, Failure> {
        let moved = self.database.write(|connection| {
            connection.execute(
                "UPDATE messages SET queue = ?2, receives = 0, visible_at = 0, attributes = '{}' WHERE queue = ?1",
                [from, to],
            )
        })?;
        self.sent.notify_one();
        Ok(moved)
    }
}

impl Queues for SqliteQueues {
    async fn send(&self, queue_url: &str, body: &str, attributes: &[(&str, &str)]) -> Result<(), Failure> {
        let attributes: serde_json::Map<String, Value> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let (attributes, now) = (Value::Object(attributes).to_string(), milliseconds());
        self.database.with(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO messages (queue, body, attributes, visible_at, sent_at) VALUES (?1, ?2, ?3, ?4, ?4)",
                )?
                .execute(params![queue_url, body, attributes, now])
        })?;
        self.sent.notify_one();
        Ok(())
    }

    /// One machine has no bounds of spend, and a run asks for its messages itself.
    async fn deliver(&self, _: bool) -> Result<(), Failure> {
        Ok(())
    }

    async fn postpone(&self, messages: &[Postponed]) -> Result<(), Failure> {
        let now = milliseconds();
        self.database.write(|connection| {
            let mut postpone = connection.prepare_cached("UPDATE messages SET visible_at = ?2 WHERE id = ?1")?;
            for message in messages {
                postpone.execute(params![message.receipt_handle, now + message.delay.as_millis() as i64])?;
            }
            Ok(())
        })
    }
}

fn milliseconds() -> i64 {
    (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64
}
