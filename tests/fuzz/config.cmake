sluice_fuzz(config_yaml_fuzz SOURCES config_yaml_fuzz.cc DEPS sluice::config)
