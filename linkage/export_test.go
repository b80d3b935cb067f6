package linkage

import "github.com/hueandcry/hueandcry/linkage/internal/bulk"

// Overfill makes a new session of the one to go on with, with its identifiers and with sizes for
// so many in so many chunks.
func (r *Resume) Overfill(items int) {
	e := r.held().receiver
	e.name, e.done, e.opened = [32]byte{}, 0, false
	e.params, _ = bulk.NewParams(int64(items), items)
}
