package observe

import "github.com/trovectl/trovectl/state"

// datastore has nothing to look at: it has no object in the cloud, and its record is the truth.
func (l *look) datastore(state.Record) {}
