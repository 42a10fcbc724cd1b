// Package cfnsim is the simulated CloudFormation: stacks and nested stacks,
// change sets, events, rollbacks that fail and are continued, drift, exports.
//
// What it does follows docs/aws/cfn.md and the answers of AWS kept in
// docs/aws/recordings.md cloudformation; the source is named beside each behaviour.
// Behaviours that neither settles are switches of package world. It shares no
// code with the library that it tests: it has its own reading of templates and
// its own evaluator.
//
// Handlers are called inside the clock's Do and never wait; whatever takes
// time is a chain of clock events.
package cfnsim
