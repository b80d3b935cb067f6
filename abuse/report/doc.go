// Package report tells others what has been decided: the public, by statements of reasons for
// the European Union's Transparency Database and by figures, and the person concerned, by all
// that is held about him.
//
// Most callers need [NewStatement], which makes a statement from a decision and the service's own
// [Settings]; a [Tally], which counts and gives [Figures]; and [NewExport], or [ReadExport] from a
// store. All are functions of what they are given: there is no clock, no network and no store
// but what is read.
//
//	Decision ──┬─ Settings ─> Statement ─> JSON for the database
//	           ├─ Tally ────> Figures ───> text, JSON, CSV: small counts are left out
//	           └─ Subject ──> Export ────> text, JSON for the one it is about
//
// # What is in none of them
//
// No identifier, for no decision has one. A statement, which anybody can read, holds no reference
// to an account either, nor the name of a rule, a reviewer or a signal, and no free text of a
// decision: its sentences are made here, from words and numbers. Figures hold no count of so few
// that it might be about somebody. An export holds nothing about anybody else: not who has
// reviewed, not how many have reported or at what hour, not with whom an identifier is shared.
//
// It does not say whether a statement is owed: Article 17 of the Digital Services Act, and the
// lawyers, do. It does not send anything.
package report
