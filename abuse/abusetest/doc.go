// Package abusetest says what every [abuse.Store] must do, and helps tests of what is built on one.
//
// [Run] is the contract as tests: whoever writes a store calls it from a test of his own.
// [Faulty] makes a store fail where a test wants it to. [Postgres] gives a database to test with,
// and [Scan] finds identifiers and tags in files that must not hold them. [Evidence] is evidence
// at random, for tests of what decides.
//
// For tests only.
package abusetest
