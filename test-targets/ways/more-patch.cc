extern "C" long new_more_value();
extern "C" void new_throw_value();
extern "C" void new_call_and_rethrow(void (*callback)(void *), void *argument);

extern "C" long new_more_value()
{
  return 2;
}

extern "C" void new_throw_value()
{
  throw 2L;
}

extern "C" void new_call_and_rethrow(void (*callback)(void *), void *argument)
{
  try {
    callback(argument);
  } catch (long thrown) {
    throw thrown; // another exception, of the same value
  }
}
