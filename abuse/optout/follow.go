package optout

import (
	"context"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Follow hands on the changes after a number, in their order, until there are none left, and gives
// the number of the last for which do gave nil: the caller keeps it, and goes on from there, also
// after a restart. So each change is handed on at least once. Zero is the beginning. The error is
// that of do or of the register, such as [ErrGap].
//
// What do has to do is to bring the other tables up to date, under each agreement of the change's
// purpose or, where it has none, of every purpose that one can opt out of. On the receiving side
// that is Receiver.Check of package watch, with all identifiers of the account, whichever way the
// change goes: it asks the register itself, takes out what was enrolled or enrols it, and what
// rested on it is decided anew and undone. Not Receiver.Remove, which forgets the account for every
// agreement of the store, those for security too, and undoes nothing. On the transmitting side it
// is Transmitter.Remove, where OptedOut is true now.
func Follow(ctx context.Context, r Register, after uint64, do func(context.Context, Change) error) (uint64, error) {
	for {
		changes, err := r.Changes(ctx, after, bookRun)
		if err != nil || len(changes) == 0 {
			return after, err
		}
		for _, c := range changes {
			if err := do(ctx, c); err != nil {
				return after, err
			}
			after = c.Number
		}
	}
}

// Admitted leaves out of a source whoever has opted out of a purpose. For purposes that one can opt out
// of linkage does so itself; this is for security, where services agreed that who is out of the
// exchange is out of that too. An error of the register ends the source with it.
func Admitted(ctx context.Context, r linkage.OptOutRegister, purpose linkage.Purpose, accounts linkage.Source[linkage.Account]) linkage.Source[linkage.Account] {
	return func(yield func(linkage.Account, error) bool) {
		for a, err := range accounts {
			if err == nil {
				var out bool
				if out, err = r.OptedOut(ctx, a.Ref, purpose); out && err == nil {
					continue
				}
			}
			if err != nil {
				yield(linkage.Account{}, err)
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

// Listed is an account and what its user has chosen.
type Listed struct {
	Account string
	State   State
}

// List gives the accounts of which something is known after one, "" for the beginning, at most limit: ordered by
// length and then by bytes. It is how a register is read as a whole.
func (b *Book) List(ctx context.Context, after string, limit int) (all []Listed, err error) {
	now := b.now()
	err = b.store.View(ctx, func(r abuse.Reader) error {
		all = nil
		var from []byte
		if after != "" {
			from = append(accountKey(after), 0xff)
		}
		for {
			rows, err := r.Scan(abuse.OptOuts, from, []byte{0xfe}, bookRun)
			if err != nil {
				return err
			}
			for _, row := range rows {
				n := len(row.Key) - 3
				if n < 1 || n != int(row.Key[0])<<8|int(row.Key[1]) {
					return damaged("key")
				}
				account := string(row.Key[2 : 2+n])
				if len(all) == 0 || all[len(all)-1].Account != account {
					if len(all) == limit {
						return nil
					}
					all = append(all, Listed{account, State{Participation: In}})
				}
				if err := all[len(all)-1].State.add(row.Key[2+n], row.Value); err != nil {
					return err
				}
			}
			if len(rows) < bookRun {
				return nil
			}
			from = append(slices.Clone(rows[len(rows)-1].Key), 0)
		}
	})
	for i := range all {
		all[i].State = all[i].State.at(now)
	}
	return all, err
}
