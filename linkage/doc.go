// Package linkage finds which identifiers two services share, and tells nobody
// anything else. One of them, the transmitter, has flagged accounts; the other,
// the receiver, learns which of its own accounts are meant, and reads what is
// said about them.
//
// Most callers need three names. The transmitter calls [Publish] once and
// [Transmit] for each session; the receiver calls [Receive]. What they may do is
// in an [Agreement] that both have signed.
//
//	receiver                                        transmitter
//	accounts with identifiers x                     signals about identifiers y
//
//	                                                F = PRF(key, y)
//	                                                record = tag(F) ‖ seal(F, label)
//	          <--- records, sorted by tag ------------
//	blind x
//	          ---- blinded x, a thousand at a time --->
//	                                                evaluate with the key, prove
//	          <--- evaluated, with a proof -----------
//	check, unblind: F = PRF(key, x)
//	          ---- done, and the connection is closed ->
//	look tag(F) up; open the label
//
// That is protocol "ec", in which PRF is the partially oblivious pseudorandom function of
// RFC 9497 (POPRF, ristretto255-SHA512): the transmitter holds the key and does not
// see x, the receiver learns F for what it has enrolled and for nothing else. Its public
// input is the digest of the agreement, the epoch and the kind of identifier: so
// tags of other partners, purposes, months and kinds are unrelated.
//
// For a base of many accounts there is protocol "vole", a hundred times faster and a
// third of the size on the wire, with another PRF to the same end: that of Rindal and
// Raghuraman from vector oblivious linear evaluation. Its key is made during the
// enrolment and belongs to that enrolment alone: so the records come after it, and a
// transmitter that will have more to say about it keeps the key in [Config.State]. A
// caller changes one word of the agreement, and the cap that [Encodable] gives. How both
// are spoken, byte for byte, is in PROTOCOL.md.
//
// The transmitter learns how many identifiers were enrolled, under "ec" of each kind. The
// receiver learns how many records there are, and what is said about identifiers that
// its accounts hold.
// Neither learns an identifier that it did not have, and the transmitter not
// whether anything matched: nothing that the receiver sends depends on it.
//
// # Going on
//
// A session says who it is today. For it to stay true the receiver calls [Enrol] in the place
// of Receive and stores what it gives; from then on it follows a feed, and asks for single
// identifiers as accounts sign up.
//
//	receiver                                        transmitter
//	Enrol -> Enrolled, under a Keeper               Transmit, with nothing published
//	NewBlinder <---- Opening, once an epoch --------- NewEvaluator
//	Blind      ----- request --------------------->
//	Finish     <---- answer ------------------------ Evaluate
//	ParseBatch <---- batch after batch ------------- Sealer.Values, Record, Batch
//	look Keeper.Tag up; Keeper.Open
//
// What is stored is a [Kept] for each identifier: noise without the local key of the
// [Keeper], which is erased when the epoch ends. A feed adds, revises and retracts signals; its
// batches are numbered, chained, padded and signed. [SessionRecord] states, signed by both, what was spent of the
// caps. Nothing here keeps a table or a counter, or speaks HTTP.
//
// What the cryptography does not stop: a receiver who enrols numbers that are no
// account's, and a transmitter who publishes signals about guesses and watches
// what happens. The caps of the agreement bound both; SECURITY.md says what
// remains.
//
// A session ends with a result or with an [*Error], never with half of either. It
// leaves no goroutine behind, and its context can end it at any point.
package linkage
