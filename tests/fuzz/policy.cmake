sluice_fuzz(policy_names_fuzz SOURCES policy_names_fuzz.cc DEPS sluice::policy)
