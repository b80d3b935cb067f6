// Package hashing takes in phone numbers and device identifiers and gives out only
// hashes.
//
// [ParsePhone] and [ParseDevice] bring every accepted spelling of a line or device to
// one [Identifier], a small comparable value, or refuse it with an [*Error] that
// says why and never what. A service then keeps the [Token] that its own [Key] gives
// for it, in tables and in logs, and hands the Identifier to package linkage to find
// out what it shares with another service:
//
//	"+33 6 …"  --ParsePhone---> Identifier --Key.Token--> Token   kept by this service
//	"35-18…"   --ParseDevice-->     |
//	                                +------- linkage ---> matches with another service
//
// What this package will not do:
//
//   - It does not give the text back. Identifier and Key lie in memory encrypted under
//     a key of the process, so that fmt, log/slog, encoding/json, gob, spew and a panic
//     show noise, also where they are unexported fields of somebody's struct. There is
//     no method that undoes it; [Key.ExposeText], for the secret manager, is the one
//     way out for a Key. A debugger or a core dump does see the process's memory.
//   - It has no plain hash to offer. There are some 10^10 phone numbers: whoever knows
//     how a number was hashed, salt included, tries them all in minutes. [Identifier.Digest]
//     is such a hash. It exists as the input of an oblivious pseudorandom function and
//     is never stored or sent. A Token withstands this as long as its Key is secret,
//     and is personal data all the same.
//   - It does not guess. A masked or ambiguous number, a device identifier with a wrong
//     check digit, a placeholder that thousands of handsets share: a wrong match
//     accuses somebody innocent, a refused one is counted and costs a match.
//
// Everything here is safe for concurrent use.
package hashing
