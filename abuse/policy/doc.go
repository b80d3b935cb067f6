// Package policy decides by rules that are data: files in YAML or JSON, with
// conditions in CEL (cel.dev), which those who answer for the decisions write
// themselves.
//
// Most callers need two names. [Load] reads rules files, all of them or none, and
// gives a [Set]; [Set.Decide] comes to a decision, which is whole but for its texts.
// [Set.Explain] gives the same decision with its reason and explanation, as
// [abuse.Decide] does, at once or when somebody asks. [Default] has the shipped
// rules, which decide as [abuse.DefaultPolicy] does.
//
// The rules say which step follows from which signal, and nothing else. What the
// guards of package abuse leave to a signal bounds every rule; a step ends when
// the signals that carry it do; and no rule can look at an identifier. Nothing
// here has a clock, a store or a network.
//
//	rules.yaml, rules.json          Evidence, time
//	        |                             |
//	        v                             v
//	  Load: parse, type-check,      guards of package abuse
//	  price, compile                      |
//	        |                             v
//	        +---- Set ---> rules, harshest first: the first that a signal meets
//	                                      |
//	               +----------------------+--------------+
//	               v                                     v
//	   Decide: Decision, in two microseconds    Explain: abuse.Decision, with the same id
//
// # Files
//
//	schema: 1                    the form of the file; this one
//	name: spam_calls             1 to 64 of a-z, 0-9, '_'
//	guards:                      as in abuse.Policy; what is left out is as in abuse.DefaultPolicy
//	  phone_accounts: 3          at least 1
//	  device_accounts: 5         at least 1
//	  require_verified: true
//	  skew: 5m                   0 to a day
//	  corroboration: 60          0 to 100, of the discounted confidence
//	  corroboration_severity: medium
//	rules:
//	  - id: limit_reported       1 to 64 of a-z, 0-9, '_', and not "none"; unique in the set
//	    version: 2               from 1
//	    status: live             draft, background, live or archived
//	    expires: "2027-06-30"    optional: a day, which is its first moment in UTC, or a time of RFC 3339
//	    daily_cap: 500           optional, and not for a label: new steps in a day (UTC); see Caps and weights
//	    categories: [spam]       optional: those that the rule is for, else all
//	    when: signal.confidence >= 60 && signal.reports >= 2
//	    action: limit            label, friction, limit, suspend or disable
//	    for: 7d                  a second to 366 days, as in "90m", "36h" or "7d"
//	    scope: account           optional: account, which it is else, or services
//	    reasons:                 optional: templates by language (BCP 47)
//	      en: "{origin} reported {category}"
//	    supersedes: [limit_old]  optional: ids of rules that do not act while this one is live
//
// In a reason {sentence} is the sentence that package abuse makes (in English), and
// {account}, {action}, {scope}, {until}, {days}, {rule}, {version}, {origin},
// {category}, {confidence}, {severity}, {reports} and {signals} (how many carry
// the step) are what they say; of several signals that one speaks of which the sentence
// does, so that a reason says the same in each language. It tells of the step as of one that
// is taken, in every mode.
//
// Where a condition has a colon or a hash in it, YAML wants it quoted, or as a block
// below "when: |" or "when: >". Comments of CEL stand only in a block below |.
//
// A file has at most 1 MiB, a condition 4096 bytes, and a set 10,000 rules. Keys
// that are not known, anchors and aliases are errors. Every error is an [*Error]
// with file, line and column, also within conditions. No rule is harsher than one
// before it in its file, whatever their statuses, so that a signal more never makes
// a decision milder, unless a condition asks that there be few.
//
// # Which rule
//
// The first live rule that a signal meets wins. Rules in the background are tried
// and reported in the explanation, and do not act; drafts and archived rules are
// read and checked, and never tried, nor is a rule that has expired. A rule that a
// live one supersedes is not tried until that one has expired. Rules do not
// supersede each other in a circle.
//
// A rule is met by a signal of its categories whose guards leave its step, and
// for which its condition is true. So nothing follows for an account without a
// signal that can be read, whatever the service's own reports are.
//
// # Conditions
//
// A condition is an expression of CEL, of type bool, over these variables. Those
// with a note can be unknown.
//
//	variable             type       what                                      unknown
//	signal.confidence    int        0 to 100
//	signal.discounted    int        confidence by partner.weight, rounded down
//	signal.severity      int        low (1), medium, high, critical (4)
//	signal.reports       int        people or events, at least 1              if the signal has none
//	signal.confirmed     bool       its class is confirmed, not predictive
//	signal.reviewed      bool       a person at the origin has looked at it
//	signal.age           duration   from the last observation to now          if it is not dated
//	signal.span          duration   from the first observation to the last    if it is not dated
//	signal.left          duration   from now to where it expires
//	signal.hops          int        services that have passed it on
//	signal.action_taken  int        by the origin: none (1), label, friction,
//	                                limit, suspend, disable (6)
//	signal.category      string     as of abuse.Category, such as "spam"
//	signal.origin        string     the service that found the abuse
//	match.phone          bool       a phone number that counts agrees         as the guards have it
//	match.device         bool       a device that counts agrees               likewise
//	match.phone_alone    bool       and no other account here holds it        likewise
//	match.device_alone   bool       and no other account here holds it        likewise
//	match.corroborated   bool       an independent origin says so too, as of
//	                                package abuse for this rule               likewise
//	match.strength       double     0 to 1, by Options.Strength               without one
//	own.known            bool       something is known of own reports
//	own.reports          int        of this service's own users, at least 1   if it is not known
//	own.days             int        days with a report, at least 1            likewise
//	own.groups           int        groups of reporters, at least 1           likewise
//	own.age              duration   from the first own report to now          likewise
//	own.quiet            duration   from the last own report to now           likewise
//	partner.name         string     who sent the signal here
//	partner.weight       double     0 to 1, by Options.Discount; else 1
//	account.signals      int        signals about the account that can be read
//	account.partners     int        who sent them
//	account.origins      int        services that found what they say
//	account.phones       int        phone numbers that the account holds
//	account.devices      int        devices that it holds
//	account.unreadable   int        signals that cannot be read
//	now                  timestamp  when it is decided
//
// The words low to critical and none to disable are numbers, so that a condition
// reads signal.severity >= high. Texts are compared as they are; a category that
// there is none of is an error.
//
// A condition means the same on every host, and each time. all, exists, exists_one, map and filter take
// a list; over a map, whose order is not fixed, they are an error. Hours and days are those of UTC: now.getHours() and
// now.getHours("UTC") are all there is, and any other time zone, also one that is computed, is an
// error, because the host's database would say what it is.
//
// Logic has three values, as CEL's unknowns and Kleene's strong logic have: what is
// unknown is neither false nor true, false && unknown is false, true || unknown is true,
// and else an expression with something unknown in it is unknown, its negation
// too. What cannot be computed (a division by zero, a number too large) is taken
// for unknown. A rule whose condition is unknown is not met, and the explanation
// says what was missing. Of own.reports a rule that will take the unknown for
// nothing says so: own.known ? own.reports : 0.
//
// Conditions are parsed, type-checked and priced by cel-go when they are read; one
// that may take more than [MaxCost] steps is an error. What most conditions are
// made of (the logic, comparisons, in, ?:, arithmetic on int and double) is then
// compiled to an evaluator of this package, and anything else, such as startsWith
// or exists, is left to cel-go at some microseconds each. A test compares the two.
//
// # Caps and weights
//
// Two things come from without, and a [Current] ties them. A daily_cap is counted by who puts steps in
// force: package cases does, where its Config has RuleCap from [Current.RuleCap] (or [Set.RuleCap]).
// Without that line it does not know of the cap. The weight of a partner comes from its scorecard there, by
// [Current.Weigh] of Hearings.Weights; only conditions with signal.discounted, partner.weight or match.corroborated
// look at it: what corroborates must come to guards.corroboration by its discounted confidence. Those of default.yaml
// do, but for its label; without weights it decides as [abuse.DefaultPolicy] does.
//
// # Speed
//
// [Set.Decide] is what the bar of 300,000 evidences a second on one core, at
// most 4 allocations each, is about. Rules are indexed by category, step and the
// bounds that they put to numbers, so that a thousand cost little more than fifty.
// [Set.Explain] makes every text of the explanation as well and takes some ten
// times as long. Both are pure functions: who keeps the evidence and the instant of
// a decision need not keep its explanation.
package policy
