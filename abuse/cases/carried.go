package cases

import (
	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

func signalPrefix(from string, signal uuid.UUID) []byte {
	return append(text(make([]byte, 0, 2+len(from)+16+2+maxAccount), from), signal[:]...)
}

func carriedKey(from string, signal uuid.UUID, account string) []byte {
	return text(signalPrefix(from, signal), account)
}

// Carried gives at most limit accounts whose steps a partner's signal carries, in the order of the
// index and behind the given one; begin with "".
func (d *Desk) Carried(r abuse.Reader, from string, signal uuid.UUID, behind string, limit int) ([]string, error) {
	if len(from) > abuse.MaxName {
		return nil, &abuse.Error{Field: "partner", Problem: "must have at most 64 bytes"}
	}
	if len(behind) > maxAccount {
		return nil, &abuse.Error{Field: "account", Problem: "must have at most 256 bytes"}
	}
	prefix := signalPrefix(from, signal)
	begin := prefix
	if behind != "" {
		begin = append(text(append([]byte(nil), prefix...), behind), 0)
	}
	rows, err := r.Scan(abuse.Carried, begin, after(prefix), limit)
	if err != nil {
		return nil, err
	}
	var accounts []string
	for _, row := range rows {
		account, rest, ok := cut(row.Key[len(prefix):])
		if !ok || len(rest) > 0 {
			return nil, damaged("carried")
		}
		accounts = append(accounts, account)
	}
	return accounts, nil
}
