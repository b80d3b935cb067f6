-- Rows in tables, in the order of their keys. {bytes} is BLOB or BYTEA; {small} keeps small rows in
-- the index itself where the database can.
CREATE TABLE hc_generations (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_enrolments (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_holdings (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_cursors (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_kept (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL);
CREATE TABLE hc_aliases (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_matches (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_undecided (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_expiries (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_decisions (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_outbox (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_rechecks (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_signals (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_about (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_ordinals (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_unpublished (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_heads (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_batches (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL);
CREATE TABLE hc_budgets (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_session_records (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
