package observe

import "github.com/trovectl/trovectl/state"

// configGroup has nothing to look at: it has no object in the cloud, its record is the truth, and its values are seen in
// the settings of the instances that name it.
func (l *look) configGroup(state.Record) {}
