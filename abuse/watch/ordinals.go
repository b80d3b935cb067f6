package watch

import (
	"encoding/binary"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// ordinal says how many signals about an identifier a feed has: those that are published, each with
// its number, and those that were reported, which are as many or more. Numbers are given when a signal
// is published, so that the one before is always in the feed and none is left out; room is given
// when it is reported. What is published counts to the end of the feed, also if it is withdrawn.
type ordinal struct{ published, reported uint16 }

// ordinals reads those of identifiers, in their order.
func ordinals(r abuse.Reader, feed linkage.FeedID, all []linkage.About) ([]ordinal, error) {
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = feedKey(feed, all[i].Token[:])
	}
	return ordinalsAt(r, keys)
}

func ordinalsAt(r abuse.Reader, keys [][]byte) ([]ordinal, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := r.Get(abuse.Ordinals, keys...)
	if err != nil {
		return nil, err
	}
	out := make([]ordinal, len(values))
	for i, v := range values {
		switch len(v) {
		case 0:
		case 4:
			out[i] = ordinal{binary.BigEndian.Uint16(v), binary.BigEndian.Uint16(v[2:])}
		default:
			return nil, errRow
		}
	}
	return out, nil
}

// put writes the count; of an identifier without a signal nothing is left.
func (o ordinal) put(w abuse.Writer, feed linkage.FeedID, about linkage.About) error {
	return o.putAt(w, feedKey(feed, about.Token[:]))
}

func (o ordinal) putAt(w abuse.Writer, key []byte) error {
	if o == (ordinal{}) {
		return w.Delete(abuse.Ordinals, key)
	}
	return w.Put(abuse.Ordinals, key, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, o.published), o.reported))
}
