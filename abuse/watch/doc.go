// Package watch keeps what two services know of each other's abusers true after the first
// session: accounts sign up, signals are revised and withdrawn, processes restart, keys grow old.
//
// A service that has found abuse runs a [Transmitter]: it reports and retracts signals about
// its accounts, and mounts [Transmitter.Handler] in its server. A service that wants to know
// runs a Receiver, which enrols its accounts, checks those that sign up, and follows the feed;
// a Decider hands each change on exactly once. Both keep their state in an [abuse.Store] and
// their secrets in a [Vault].
//
//	transmitter                                     receiver
//	Report, Retract ─┐                              ┌─ Check at sign-up (one round trip)
//	            Cut ─┴─ batches, signed, numbered ──┴─ Follow → matches → decisions → events
//	   Handler ──────── evaluations within budgets ──── Client
//
// What is decided on is a change:
//
//	matched       a signal is about the account, for the first time or again
//	revised       it says something else, or matches by other identifiers
//	withdrawn     it was retracted, or the account no longer holds what it matched by
//	expired       its time is over
//	reconsidered  the caller has asked, by Decider.Reconsider, and it came to something else
//
// The caller asks because he knows what this package cannot: his accounts' holdings and own reports,
// his rules, his people's rulings, and what a cap has room for. A check without a change records
// nothing: it says what is in force or, where nobody keeps that, what the evidence comes to.
//
// It does not stop a partner from asking about accounts that it does not have: the caps of the
// agreement do, and the session records, which both sides sign, say how many it asked about.
//
// # The interface between them
//
// HTTP under TLS 1.3 with certificates on both sides, whose keys are those of the agreement. All
// paths begin with /hueandcry/v1/ and the agreement's ID; bodies are application/vnd.hueandcry and
// begin with the version, 1; numbers are big-endian.
//
//	GET  epochs/{e}/opening      opening of package linkage
//	POST epochs/{e}/evaluations  id 16 ‖ request  →  id ‖ answer; the same again is not charged again
//	GET  epochs/{e}/base         Upgrade: hueandcry-base  →  101, then a session of package linkage
//	GET  feeds/{f}?after=&wait=  last number 8; 204 if none came within so many seconds, 55 at most
//	GET  feeds/{f}/{n}           the batch itself, without a version byte: immutable, with an ETag, in ranges
//	GET  records?after=          session records, each after its length 2
//	PUT  records/{n}             the record with the receiver's signature  →  204
//	GET  status                  epoch 4 ‖ now 8 ‖ for each feed: name 16, epoch 4, last number 8
//
// What is refused is an RFC 9457 problem document with one of the codes of [Problem].
//
// # In service
//
// Each side makes a key (Ed25519), a certificate of it, which it may sign itself, and a signed
// [linkage.Agreement]: one writes it, both sign, and exchange the JSON form. Example (Living) of the
// folder examples has the whole of both sides in one program. What must go on:
//
//	always               Transmitter.Run, Receiver.Run, Decider.Run
//	at AlarmEpochDue     Receiver.EnrolBase of the next epoch: Receiver.Status names it; the first time at once
//	at each sign-up      Receiver.Check, also when an account's identifiers change; Remove when it goes
//	on the other side    Report, Retract, Remove
//	with package cases   Hearings.Work every minute; Desk.Sweep, Desk.Alarms and Current.Weigh of
//	                     package policy now and then
//	with opt-outs        Receiver.Check for each change that Follow of package optout hands on
//
// Stop them by their contexts, then close the transmitter, then the stores.
//
// # Never go back
//
// A store and its vault belong together, and what they say has been heard: batches have numbers,
// session records hold the one before, budgets are spent. So neither is to be put back to an older
// copy, and it does not heal by itself. The batches of a transmitter that went back do not follow
// those that the receiver has: the feed stalls ([AlarmBatchDamaged], [AlarmFeedStalled]) till a base
// is enrolled anew; what was reported since the copy cannot be retracted any more, and what was
// retracted is said again. A receiver that went back takes in anew what it has forgotten, and hands
// it on under other IDs. Session records are disputed from then on ([AlarmRecordDisputed]), and some
// days later, when 24 wait for a signature, the transmitter evaluates no more identifiers
// ([RecordsUnsigned]). Then the way on is a new agreement, with another ID: report and enrol anew
// under it. So keep a store by replication that waits for the other copy, and not by last night's
// file.
//
// # What a partner can say
//
// About one identifier it can say as many signals in a feed as the agreement allows, each under a tag
// of its own: what else comes under a tag counts as unreadable, as what does not open does. A
// decision weighs 256 signals of one partner about one account at most, those that are valid the
// longest; the rest are unreadable in its evidence. Each change is handed on all the same.
//
// Of a day's signals and of retractions it can say as many as [linkage.Limits] has it. A batch beyond
// is refused, as is one that is dated more than six hours ahead: it is asked for again, alone, until it
// can be taken in, and the feed stands still meanwhile.
//
// # Measures
//
// Meter and tracer are named "github.com/hueandcry/hueandcry/abuse/watch". Counters:
// hueandcry.evaluate.identifiers, hueandcry.evaluate.refused{problem},
// hueandcry.feed.records{operation}, hueandcry.feed.bytes, hueandcry.feed.batches,
// hueandcry.decisions{action}, hueandcry.events{change}, hueandcry.unreadable,
// hueandcry.alarms{kind}, hueandcry.rechecks. Histograms, in seconds:
// hueandcry.evaluate.duration, hueandcry.check.duration{outcome}, hueandcry.advance.duration,
// hueandcry.commit.duration. Up-down counters and gauges: hueandcry.budget.left{name},
// hueandcry.feed.lag, hueandcry.outbox.size, hueandcry.followers. All have the attributes
// hueandcry.link, the agreement's ID, and hueandcry.role. Spans are named hueandcry.check,
// hueandcry.evaluate, hueandcry.follow, hueandcry.advance, hueandcry.decide, hueandcry.cut and
// hueandcry.base. Logs use the same words. No identifier, reference to an account, tag, alias or
// name of a signal is in any of them.
package watch
