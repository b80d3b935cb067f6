// Package cases sees to what becomes of a decision: it bounds what automation may do in a day,
// keeps the step that each account is under, and takes it back when its evidence is gone.
//
// Most callers need two names. [New] makes a [Desk], and [Desk.Settle] goes into the
// DeciderConfig of package watch in the place of Decide: it decides by the caller's own pure
// function and, in the transaction that records the decision, brings up to date what is in force.
//
// It carries nothing out and knows no identifier: an account is the caller's reference, and an
// identifier that must never carry anything is marked by the caller, see [Exempt]. It does not
// make a rule right; it keeps a wrong one small and short.
//
//	Evidence ──> what a person has ruled on is left out ──> Config.Decide ──┐
//	                 ^                                                      v
//	                 │                                       harsher than what is in force, or by others?
//	                 │ without the partner,                    │ no              │ yes
//	                 │ signal or category                      │                 v
//	                 └────────────────── a bound is met <──────┼──── caps, bands, quarantine
//	                                                           v                 │ free: counted
//	                                    milder: Undoes, receipt; same: kept      v
//	                                                           └──> InForce <── new step
//
// # Bounds
//
// A bound holds back new steps and nothing else. A step is new if it is harsher than [abuse.Label]
// and either harsher than what the account is under already, or carried only by signals that were
// not charged for that. The second is the case where a partner withdraws and the signals of others
// keep his step up: it is then charged as a new one of theirs, also where they had passed on the
// same signal. Where others join what carries a step already, a harsher one is charged to them, and
// not again to those who were charged for the step that there is. Nothing that makes a step milder
// is ever held up, and a person's ruling has no bounds. What automation comes to while a ruling with
// an end stands is bounded as ever, and charged on the day on which it is decided, for it will be in
// force when the ruling has ended. All bounds are in [Limits]; days are those of UTC.
//
//	bound                      of what                                   if it is met
//	cap_partner_day            a partner's new steps in a day            label
//	cap_rule_day               a rule's, as Limits or Config.RuleCap say label
//	cap_rule_partner_day       one partner's share of that               label
//	cap_category_day           a category's                              label
//	cap_category_partner_day   one partner's share of that               label
//	cap_day, cap_base_day      all, as a number or share of all accounts label
//	background_partner         the partner has left his band             background
//	background_rule            the rule has left its band                background
//	quarantine_signal          accounts under one signal                 background
//
// Where the bound is a partner's, a signal's or a category's, the evidence is decided again
// without that, so that what others say acts at once. What is left over is the softest thing that
// can still be seen. For a cap that is a label, live: a mark that only the service sees, with the
// step that the rules came to in Decision.Bounds. For the others it is the proposed step with mode
// background, and nothing is in force by it. An account that is under a milder step already stays
// under that. So a live decision always says what is in force from now on, and one that has
// Undoes is always live (or of a backtest).
//
// One partner gets no more than Limits.PartnerShare of any bound that he shares with others, so
// that he cannot use it up. Several who flood on one day still can: give Day room for those that
// you expect.
//
// Each bound that is met rings once a day: an [Alarm] is written in the same transaction and
// handed on by [Desk.Alarms] until it was taken.
//
// # Bands
//
// The new steps of a partner or a rule in a day are compared with the mean of the days before,
// kept as an exponentially weighted moving average (Roberts, Control Chart Tests Based on
// Geometric Moving Averages, Technometrics 1, 1959; the NIST/SEMATECH e-Handbook, 6.3.2.4,
// advises a weight of 0.2 to 0.3 for shifts that are to be seen soon):
//
//	mean = 0.2 · today's count + 0.8 · mean
//
// and the band ends where Anscombe's transformation of a Poisson count (The transformation of
// Poisson, binomial and negative-binomial data, Biometrika 35, 1948) is z = 6 deviations above it,
// and never below three times the mean nor below Limits.TripLeast, for counts of abuse come in
// waves, more so than Poisson's:
//
//	end = max(TripLeast, 3 · mean, (√(mean + 3/8) + z/2)² − 3/8)
//
// Before TripDays days of history there is no band, and caps alone hold. Days in background are
// no history. Where one partner makes up at least half of what a rule has done in the day, it is he
// who goes to background and not the rule. It ends when a named person says so, by [Desk.Reset]. A
// partner who has been away for weeks comes back to rules with narrow bands; they may need it too.
//
// # Undo
//
// Evidence is decided on again whenever it changes: a signal is withdrawn, expires, is revised, or
// the identifier is not the account's any more. If the outcome is milder than what is in force, or
// ends sooner, the decision names in Undoes the one that it takes back, and a receipt is counted for
// each origin whose signal carried it: counts by origin and day, of which finished weeks are told, see
// [Desk.Receipts]. A step whose Until has passed is over by itself, whether [Desk.Sweep] has been
// there or not.
//
// What a person has ruled stands until he or its end says otherwise: [Desk.Rule]. The signals that
// lay before him carry nothing on that account any more; new ones may.
//
// # What changes nothing by itself
//
// Signals that change are decided on at once. Nobody tells a Desk when a day begins that has room
// again, when a Reset was made, a step or a ruling has ended ([Desk.Sweep] says so to the caller), the
// rules are others, or the service knows more of an account: its holdings, its own reports. Until
// somebody asks, what is in force stays and what has ended stays ended, and a check says that. Hand
// the accounts to Decider.Reconsider of package watch: they are settled and recorded as after a change.
//
// # Between services
//
// Three things go from one service to another, over whatever channel they have that says who is at the
// other end. An [AppealReference] goes from Carry to the partner's [Hearings.Contest], and a [Receipt]
// from [Desk.Receipts] to the origin that asks: each is one JSON object in a form with a version that its
// reader takes to the letter, and neither says anything of an account. What becomes of the appeal goes
// over the feed, as the withdrawal of the signal, to every service that has it; an origin that stands by
// its signal says nothing, and the account's holder has an answer from people here in any case.
//
// # Tables
//
// In force: 'a' ‖ account has the step and the ruling; 'e' ‖ end, 8 ‖ account is for Sweep, 'h' ‖
// account for HeldBack. An account is its length, 2, and its bytes, as in package watch. Carried: partner ‖ signal ‖
// account. Bounds: 'c' ‖ kind ‖ names are counters, 'm' ‖ kind ‖ names those in background, 'z' ‖
// day, 8 ‖ kind ‖ names are alarms. Receipts: origin ‖ day, 8. Numbers are big-endian; values are
// JSON with a version, v.
package cases
