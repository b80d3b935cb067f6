-- What becomes of decisions: steps in force, what bounds them, reviews, appeals, feedback, audit.
CREATE TABLE hc_in_force (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_carried (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_bounds (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_cases (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_feedback (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_receipts (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
CREATE TABLE hc_audit (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
