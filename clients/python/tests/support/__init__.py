"""What tests of several processes need: a server that can be killed, programs that can be told things."""
