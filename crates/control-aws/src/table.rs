//! Tables of DynamoDB.
//!
//! Writes are single puts, each on its own condition, several at a time: a transaction costs twice the write units, and none
//! of the records depends on another's.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::Failure;
use control::ports::Table;
use control::table::{Condition, Item, Key, Page, Put, PutOutcome, Query, Sort};
use futures::StreamExt;
use serde_json::{Map, Number, Value};
use store::{Purpose, failure_of};

/// How many puts are under way at a time.
const CONCURRENT: usize = 16;

/// A table of DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    /// The client.
    pub client: aws_sdk_dynamodb::Client,
    /// The table's name.
    pub name: String,
}

impl DynamoTable {
    fn failure<E>(&self, error: SdkError<E>, action: &str) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        failure_of(error, Purpose::Call, &format!("table {}", self.name), &format!("dynamodb:{action}"))
    }

    async fn put_one(&self, put: &Put) -> PutOutcome {
        let (expression, names, values) = condition(put);
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(to_attributes(put.item.clone())))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(dynamodb::ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = request.send().await else { return PutOutcome::Written };
        match error.as_service_error() {
            // The SDK tries again after a lost answer, and then finds what it has written itself.
            Some(PutItemError::ConditionalCheckFailedException(unmet)) => match unmet.item() {
                Some(present) if from_attributes(present.clone()) == put.item => PutOutcome::Written,
                _ => PutOutcome::Conflict,
            },
            // A transaction on the same item is under way. Nobody here makes one; a restore or another program may. The SDK
            // does not retry this code ("Amazon DynamoDB Transactions: How it works", transaction conflict handling).
            Some(PutItemError::TransactionConflictException(_)) => PutOutcome::Conflict,
            _ => PutOutcome::Failed(self.failure(error, "PutItem")),
        }
    }
}

impl Table for DynamoTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Failure> {
        if let [key] = keys {
            let request =
                self.client.get_item().table_name(&self.name).consistent_read(true).set_key(Some(attributes(key)));
            let answer = request.send().await.map_err(|error| self.failure(error, "GetItem"))?;
            return Ok(vec![answer.item.map(from_attributes)]);
        }
        let mut wanted: Vec<_> = keys.iter().map(attributes).collect();
        let mut found: Vec<Item> = Vec::new();
        for attempt in 0..8 {
            if wanted.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
            }
            let request = dynamodb::KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request = request.map_err(|error| Failure::internal("a request for items").because(error))?;
            let answer = self.client.batch_get_item().request_items(&self.name, request).send().await;
            let answer = answer.map_err(|error| self.failure(error, "BatchGetItem"))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten().map(from_attributes));
            let rest = answer.unprocessed_keys.unwrap_or_default().into_values();
            wanted = rest.flat_map(|rest| rest.keys).collect();
        }
        if !wanted.is_empty() {
            return Err(Failure::temporary(format!("table {} is throttled: not all items could be read", self.name)));
        }
        let names: Vec<&'static str> =
            keys.first().map(|key| key.0.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
        let mut found: HashMap<Key, Item> = found.into_iter().map(|item| (Key::of(&item, &names), item)).collect();
        Ok(keys.iter().map(|key| found.remove(key)).collect())
    }

    async fn put(&self, puts: &[Put]) -> Vec<PutOutcome> {
        let each: Vec<_> = puts.iter().map(|put| self.put_one(put)).collect();
        futures::stream::iter(each).buffered(CONCURRENT).collect().await
    }

    async fn query(&self, query: &Query) -> Result<Page, Failure> {
        let (partition, value) = &query.partition;
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(str::to_owned))
            .expression_attribute_names("#p", *partition)
            .expression_attribute_values(":p", AttributeValue::S(value.clone()))
            .scan_index_forward(!query.descending)
            .set_exclusive_start_key(query.start.clone().map(to_attributes));
        let expression = match &query.sort {
            Some((name, sort)) => {
                let (text, expression) = match sort {
                    Sort::Is(text) => (text, "#p = :p AND #s = :s"),
                    Sort::UpTo(text) => (text, "#p = :p AND #s <= :s"),
                };
                request = request
                    .expression_attribute_names("#s", *name)
                    .expression_attribute_values(":s", AttributeValue::S(text.clone()));
                expression
            }
            None => "#p = :p",
        };
        let answer = request.key_condition_expression(expression).send().await;
        let answer = answer.map_err(|error| self.failure(error, "Query"))?;
        Ok(Page {
            items: answer.items.unwrap_or_default().into_iter().map(from_attributes).collect(),
            next: answer.last_evaluated_key.filter(|key| !key.is_empty()).map(from_attributes),
        })
    }
}

fn attributes(key: &Key) -> HashMap<String, AttributeValue> {
    key.0.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone()))).collect()
}

type Names = HashMap<String, String>;
type Values = Option<HashMap<String, AttributeValue>>;

/// The condition as an expression with its names and values.
fn condition(put: &Put) -> (&'static str, Names, Values) {
    let names = |name: &str| HashMap::from([("#c".to_owned(), name.to_owned())]);
    let value = |value| Some(HashMap::from([(":c".to_owned(), value)]));
    match &put.condition {
        Condition::Absent => ("attribute_not_exists(#c)", names(put.key_names[0]), None),
        Condition::Revision(revision) => ("#c = :c", names("revision"), value(AttributeValue::N(revision.to_string()))),
        Condition::NotAfter(name, text) => {
            ("attribute_not_exists(#c) OR #c <= :c", names(name), value(AttributeValue::S(text.clone())))
        }
    }
}

/// An item as DynamoDB has it.
pub fn to_attributes(item: Item) -> HashMap<String, AttributeValue> {
    item.into_iter().map(|(name, value)| (name, to_attribute(value))).collect()
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(truth) => AttributeValue::Bool(truth),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(to_attribute).collect()),
        Value::Object(map) => AttributeValue::M(to_attributes(map)),
    }
}

/// An item of DynamoDB as JSON.
pub fn from_attributes(attributes: impl IntoIterator<Item = (String, AttributeValue)>) -> Item {
    let mut item: Vec<_> = attributes.into_iter().collect();
    item.sort_by(|(a, _), (b, _)| a.cmp(b));
    item.into_iter().map(|(name, value)| (name, from_attribute(value))).collect()
}

fn from_attribute(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(truth) => Value::Bool(truth),
        AttributeValue::N(number) => number.parse::<Number>().map_or(Value::String(number), Value::Number),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => values.into_iter().map(from_attribute).collect(),
        AttributeValue::M(map) => Value::Object(from_attributes(map).into_iter().collect::<Map<_, _>>()),
        AttributeValue::Ss(texts) => texts.into_iter().map(Value::String).collect(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_comes_back_from_dynamodb_as_it_was() {
        let Value::Object(item) = json!({
            "text": "a", "number": 12, "fraction": 0.5, "truth": true, "list": ["a", 1], "map": {"a": {"b": null}}, "empty": {}
        }) else {
            unreachable!()
        };
        assert_eq!(from_attributes(to_attributes(item.clone())), item);
    }
}
