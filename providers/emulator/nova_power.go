package emulator

// power is an action without an argument that brings a machine up or down.
type power struct {
	name string   // in Nova's refusals
	from []string // the statuses that allow it
	task string
}

// powers are the actions by their member of the body. What is paused or suspended keeps no memory here: it boots again.
// https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action
var powers = map[string]power{
	"os-start": {"start", []string{srvShutoff}, taskStarting},
	"os-stop":  {"stop", []string{srvActive, srvError}, taskStopping},
	"pause":    {"pause", []string{srvActive}, taskPausing},
	"unpause":  {"unpause", []string{srvPaused}, taskUnpausing},
	"suspend":  {"suspend", []string{srvActive}, taskSuspending},
	"resume":   {"resume", []string{srvSuspended}, taskResuming},
	"shelve":   {"shelve", []string{srvActive, srvShutoff, srvPaused, srvSuspended}, taskShelving},
	"unshelve": {"unshelve", []string{srvShelved, srvOffloaded}, taskUnshelving},
}

// downStatus is the status at the end of a task that brings the machine down.
var downStatus = map[string]string{
	taskStopping: srvShutoff, taskPausing: srvPaused, taskSuspending: srvSuspended, taskShelving: srvOffloaded,
}

// upTasks begin with a machine that is down.
var upTasks = []string{taskStarting, taskUnpausing, taskResuming, taskUnshelving}

func (s *Server) power(c *call, sv *server, p power) error {
	if err := s.allowed(sv, p.name, p.from); err != nil {
		return err
	}
	return s.begin(c, sv, p.task)
}
