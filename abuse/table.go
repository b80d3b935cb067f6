package abuse

// Table is a table of a [Store]. The zero Table is none.
type Table uint8

// The tables. Their rows are described in packages watch, cases and optout.
const (
	Generations    Table = 1 + iota // functions under which identifiers are enrolled
	Enrolments                      // keyed tags of enrolled identifiers
	Holdings                        // which of these an account has
	Cursors                         // how far feeds have been followed
	Kept                            // records about nobody here yet, sealed
	Aliases                         // signals as feeds name them
	Matches                         // signals about accounts
	Undecided                       // accounts whose matches have changed
	Expiries                        // when matches run out
	Decisions                       // append-only
	Outbox                          // changes that are still to be handed on
	Rechecks                        // checks that are owed
	Signals                         // that a transmitter reports
	About                           // whom they are about
	Ordinals                        // how many signals an identifier has had
	Unpublished                     // signals that are to go into the next batch
	Heads                           // the ends of feeds
	Batches                         // of feeds, sealed
	Budgets                         // counters with caps
	SessionRecords                  // signed by both sides
	OptOuts                         // users who have opted out of a purpose
	InForce                         // the step that each account is under
	Carried                         // which accounts' steps a signal carries
	Bounds                          // counters, modes and quarantine that bound what is done
	Cases                           // reviews and appeals
	Feedback                        // how partners' signals turned out
	Receipts                        // what is to be told to origins: counts
	Audit                           // reads that were bound to a purpose
	tableEnd
)

var tableNames = [...]string{"", "generations", "enrolments", "holdings", "cursors", "kept", "aliases", "matches",
	"undecided", "expiries", "decisions", "outbox", "rechecks", "signals", "about", "ordinals", "unpublished", "heads",
	"batches", "budgets", "session_records", "opt_outs",
	"in_force", "carried", "bounds", "cases", "feedback", "receipts", "audit"}

// String gives the name of the table: "session_records". In a database it has hc_ before it.
func (t Table) String() string {
	if t.Valid() {
		return tableNames[t]
	}
	return "no table"
}

// Valid says whether there is such a table.
func (t Table) Valid() bool { return t > 0 && t < tableEnd }

// Tables gives all tables.
func Tables() []Table {
	all := make([]Table, 0, tableEnd-1)
	for t := Table(1); t < tableEnd; t++ {
		all = append(all, t)
	}
	return all
}
