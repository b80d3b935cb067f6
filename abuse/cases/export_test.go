package cases

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// ExactReceipts gives counts as they are kept: undone, softened, overturned.
func (d *Desk) ExactReceipts(ctx context.Context, origin string, day time.Time) (counts [3]int64, err error) {
	err = d.cfg.Store.View(ctx, func(r abuse.Reader) error {
		c, _, err := load[receipt](r, abuse.Receipts, binary.BigEndian.AppendUint64(text(nil, origin), uint64(dayOf(day))))
		counts = [3]int64{c.Undone, c.Softened, c.Overturned}
		return err
	})
	return counts, err
}

// Beneath gives the automatic step, also where a person's ruling stands above it.
func (d *Desk) Beneath(ctx context.Context, account string, now time.Time) (step Step, err error) {
	err = d.cfg.Store.View(ctx, func(r abuse.Reader) error {
		h, err := loadHeld(r, account)
		if step = h.Step; step.over(now) {
			step = Step{}
		}
		return err
	})
	return step, err
}
