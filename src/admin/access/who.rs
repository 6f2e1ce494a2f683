//! Who may, by name. What each role is for stands in docs/operators.md.

use crate::admin::mount::Who;
use crate::model::Role;
use crate::model::Roles;

/// Everyone who has a role at all: what is in force and how it goes, nothing of a person.
pub(in crate::admin) const VIEWERS: Who = Who::With(Roles::ALL);
/// Records, searches, exports, reports.
pub(in crate::admin) const AUDITORS: Who = Who::With(Roles::of(&[Role::Auditor]));
/// The roles that see personal parts of records.
pub(in crate::admin) const RECORD_ROLES: Roles =
    Roles::of(&[Role::Auditor, Role::Reviewer, Role::PolicyApprover]);
/// One record, by its id.
pub(in crate::admin) const RECORD_READERS: Who = Who::With(RECORD_ROLES);
/// The review queue with its evidence.
pub(in crate::admin) const QUEUE: Who =
    Who::With(Roles::of(&[Role::Reviewer, Role::PolicyApprover]));
/// Recommendations on holds.
pub(in crate::admin) const REVIEWERS: Who = Who::With(Roles::of(&[Role::Reviewer]));
/// Drafts of policies.
pub(in crate::admin) const AUTHORS: Who = Who::With(Roles::of(&[Role::PolicyAuthor]));
/// Whatever others prepared: policies, and what becomes of holds.
pub(in crate::admin) const APPROVERS: Who = Who::With(Roles::of(&[Role::PolicyApprover]));
/// Those who work on policies.
pub(in crate::admin) const POLICY_MAKERS: Who =
    Who::With(Roles::of(&[Role::PolicyAuthor, Role::PolicyApprover]));
/// Rows of the catalogue, and proposals of bulk changes of it.
pub(in crate::admin) const CATALOGUE_EDITORS: Who =
    Who::With(Roles::of(&[Role::PolicyAuthor, Role::Administrator]));
/// Bulk changes of the catalogue that somebody else proposed.
pub(in crate::admin) const CATALOGUE_APPROVERS: Who =
    Who::With(Roles::of(&[Role::PolicyApprover, Role::Administrator]));
/// Who takes part in bulk changes, either way.
pub(in crate::admin) const REGISTRY_KEEPERS: Who =
    Who::With(Roles::of(&[Role::PolicyAuthor, Role::PolicyApprover, Role::Administrator]));
/// Customers: they are persons.
pub(in crate::admin) const CUSTOMER_READERS: Who = Who::With(Roles::of(&[
    Role::Auditor,
    Role::Reviewer,
    Role::PolicyApprover,
    Role::Administrator,
]));
/// Operators, and rows of customers.
pub(in crate::admin) const ADMINISTRATORS: Who = Who::With(Roles::of(&[Role::Administrator]));
